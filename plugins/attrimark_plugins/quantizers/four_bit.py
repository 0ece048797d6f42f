"""Linear weights in four bits, for every code that bitsandbytes has (Dettmers et al., QLoRA, arXiv 2305.14314).

64 consecutive weights of the flattened matrix share one scale, their largest magnitude; each weight is stored as the
nearest of 16 levels. Biases, normalisations and embeddings keep their precision.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Literal

import torch
from attrimark_registry import AttrimarkError, Model
from jaxtyping import Float
from torch import Tensor, nn

Code = Literal["fp4", "nf4"]
Backend = Literal["bitsandbytes", "fake"]

BLOCK = 64  # weights a scale


def in_four_bits(model: Model, code: Code, double_quant: bool, skip: Sequence[str], backend: Backend) -> Model:
    """The model around a copy of its network whose linear layers are quantized.

    Args:
        double_quant: store the scales in eight bits too.
        skip: parts of module names that keep their precision; nothing is skipped by default but an output layer
            that shares its weight with the embeddings.
        backend: "bitsandbytes" stores four bits; "fake" stores the same values in float, in plain linear layers.

    Raises:
        AttrimarkError: bitsandbytes is not installed; a name in `skip` is no part of any linear layer's name.
    """
    if find_spec("bitsandbytes") is None:
        raise AttrimarkError(f"{code} needs bitsandbytes: pip install 'attrimark[quant]'")
    network = copy.deepcopy(model.network)
    layers = dict(_linear_layers(network))
    unknown = [part for part in skip if not any(part in name for name in layers)]
    if unknown:
        raise AttrimarkError(f"skip: no linear layer has {unknown[0]!r} in its name; there are {', '.join(layers)}")
    for name, layer in layers.items():
        if not any(part in name for part in skip):
            made = (
                _four_bit(layer, code, double_quant) if backend == "bitsandbytes" else _fake(layer, code, double_quant)
            )
            network.set_submodule(name, made)
    if backend == "bitsandbytes":
        network.is_loaded_in_4bit = True  # so that adapters are put on as 4-bit ones
    return model.around(network)


def rounded(weight: Float[Tensor, "out in"], code: Code, double_quant: bool) -> Float[Tensor, "out in"]:
    """The weight as four bits keep it."""
    from bitsandbytes import functional

    packed, state = functional.quantize_4bit(
        weight.detach().contiguous(), blocksize=BLOCK, compress_statistics=double_quant, quant_type=code
    )
    return functional.dequantize_4bit(packed, state)


def _linear_layers(network: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    """Linear layers by name, but for one whose weight is the embedding table: packed, it would be no table."""
    embeddings = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    for name, module in network.named_modules():
        if type(module) is nn.Linear and id(module.weight) not in embeddings:
            yield name, module


def _fake(layer: nn.Linear, code: Code, double_quant: bool) -> nn.Linear:
    made = copy.copy(layer)
    made._parameters = dict(layer._parameters)
    made.weight = nn.Parameter(rounded(layer.weight, code, double_quant), requires_grad=False)
    return made


def _four_bit(layer: nn.Linear, code: Code, double_quant: bool) -> nn.Module:
    from bitsandbytes.nn.modules import Linear4bit

    made: Any = Linear4bit(
        layer.in_features,
        layer.out_features,
        bias=layer.bias is not None,
        compute_dtype=torch.float32,
        compress_statistics=double_quant,
        quant_type=code,
    )
    made.load_state_dict(layer.state_dict())
    made = made.to(layer.weight.device)  # here the weights are packed
    # the packed layout of AVX512-BF16 machines has no gradient
    made.support_avx512bf16_for_cpu = False
    return made.train(layer.training)
