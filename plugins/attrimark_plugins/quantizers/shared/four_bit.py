"""Linear weights in four bits, for every code that bitsandbytes has (Dettmers et al., QLoRA, arXiv 2305.14314).

64 consecutive weights of the flattened matrix share one scale, their largest magnitude; each weight is stored as the
nearest of 16 levels. Biases, normalisations and embeddings keep their precision.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal

import torch
from attrimark_registry import AttrimarkError, Model, Packing, Unsupported
from jaxtyping import Float
from torch import Tensor, nn

from attrimark_plugins.models.shared.mixed_precision import multiplying_in

Code = Literal["fp4", "nf4"]
Backend = Literal["bitsandbytes", "fake"]
Compute = Literal["float32", "bfloat16", "float16"]
Device = str | torch.device

DTYPES: Mapping[Compute, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
BLOCK = 64  # weights a scale
SCALES = 32 / BLOCK  # bits a weight
DOUBLE_SCALES = 8 / BLOCK + 32 / (BLOCK * 256)  # eight bits each, and one scale for 256 of them


def in_four_bits(
    model: Model,
    code: Code,
    double_quant: bool,
    skip: Sequence[str],
    backend: Backend,
    compute: Compute = "float32",
    device: str | None = None,
) -> Model:
    """The model around a copy of its network whose linear layers are quantized, adapters first merged into them.

    Layers that are in four bits already stay as they are.

    Args:
        double_quant: store the scales in eight bits too.
        skip: parts of module names that keep their precision; nothing is skipped by default but an output layer
            that shares its weight with the embeddings.
        backend: "bitsandbytes" stores four bits; "fake" stores the same values in float, in plain linear layers.
        compute: the numbers that quantized layers multiply in; all else stays as it is. "float32" adds no rounding of
            its own. In half of the bits, which GPUs are made for, values differ from batch to batch by what is
            rounded.
        device: where the quantized layers go, one by one; by default where each is.

    Raises:
        AttrimarkError: bitsandbytes is not installed; a name in `skip` is no part of any linear layer's name.
        Unsupported: no layer is left to quantize; an adapter was trained over quantized weights.
    """
    # strategies quantize too (QLoRA), so that the two packages import each other
    from attrimark_plugins.strategies.shared.adapters import merged_model

    if find_spec("bitsandbytes") is None:
        raise AttrimarkError(f"{code} needs bitsandbytes: pip install 'attrimark[quant]'")
    model = merged_model(model)
    layers = dict(linear_layers(model.network))
    unknown = [part for part in skip if not any(part in name for name in layers)]
    if unknown:
        raise AttrimarkError(f"skip: no linear layer has {unknown[0]!r} in its name; there are {', '.join(layers)}")
    left = [name for name in layers if f"{name}.weight" not in model.packed and not any(part in name for part in skip)]
    if not left:
        raise Unsupported(f"{code} finds no linear layer to quantize: all are skipped, or in four bits already")
    # what is packed below need not be copied first: a large network would not fit twice
    network = copy.deepcopy(model.network, {id(layers[name].weight): layers[name].weight for name in left})
    make = _four_bit if backend == "bitsandbytes" else _fake
    dtype = DTYPES[compute]
    for name in left:
        layer = _untransposed(network.get_submodule(name))
        network.set_submodule(name, make(layer, code, double_quant, dtype, device or layer.weight.device))
    if backend == "bitsandbytes":
        network.is_loaded_in_4bit = True  # so that adapters are put on as 4-bit ones
    packing = Packing(code=4.0, scales=DOUBLE_SCALES if double_quant else SCALES)
    return model.around(network, {**model.packed, **{f"{name}.weight": packing for name in left}})


def rounded(weight: Float[Tensor, "out in"], code: Code, double_quant: bool) -> Float[Tensor, "out in"]:
    """The weight as four bits keep it."""
    from bitsandbytes import functional

    packed, state = functional.quantize_4bit(
        weight.detach().contiguous(), blocksize=BLOCK, compress_statistics=double_quant, quant_type=code
    )
    return functional.dequantize_4bit(packed, state)


def linear_layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Layers not yet packed, by name, but for one whose weight is the embedding table: packed, it would be no table."""
    embeddings = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    for name, module in network.named_modules():
        plain = type(module) is nn.Linear or type(module).__name__ == "Conv1D"
        if plain and id(module.weight) not in embeddings:
            yield name, module


def _untransposed(layer: Any) -> nn.Linear:
    """The layer as a plain linear one: GPT-2 stores its weights transposed."""
    if isinstance(layer, nn.Linear):
        return layer
    rows, columns = layer.weight.shape
    with torch.device("meta"):
        plain: Any = nn.Linear(rows, columns)
    plain.weight, plain.bias = nn.Parameter(layer.weight.detach().T.contiguous()), layer.bias
    return plain.train(layer.training)


def _fake(layer: nn.Linear, code: Code, double_quant: bool, compute: torch.dtype, device: Device) -> nn.Linear:
    # a new layer: hooks of the old one are of the numbers that it computed in
    with torch.device("meta"):
        made: Any = nn.Linear(layer.in_features, layer.out_features, layer.bias is not None)
    made.weight = nn.Parameter(rounded(layer.weight.float(), code, double_quant), requires_grad=False)
    made.bias = _bias(layer)
    made = made.to(device).train(layer.training)
    return made if compute == torch.float32 else multiplying_in(compute, made)


def _bias(layer: nn.Linear) -> nn.Parameter | None:
    # a parameter of its own: bitsandbytes rounds it in place to what it computes in
    return None if layer.bias is None else nn.Parameter(layer.bias.detach().float(), layer.bias.requires_grad)


def _four_bit(layer: nn.Linear, code: Code, double_quant: bool, compute: torch.dtype, device: Device) -> nn.Module:
    from bitsandbytes.nn import modules

    library: Any = modules  # its parameters are made by `__new__`, which no checker follows
    made: Any = library.Linear4bit(
        layer.in_features,
        layer.out_features,
        bias=layer.bias is not None,
        compute_dtype=compute,
        device="meta",  # without weights of its own, which would be drawn
    )
    # from float32: the gradient's weights are rounded to what they were packed from, the output's are not
    made.weight = library.Params4bit(
        layer.weight.detach().float(), compress_statistics=double_quant, quant_type=code, blocksize=BLOCK, module=made
    )
    made.bias = _bias(layer)
    made = made.to(device)  # here the weights are packed
    # the packed layout of AVX512-BF16 machines has no gradient
    made.support_avx512bf16_for_cpu = False
    return made.train(layer.training)
