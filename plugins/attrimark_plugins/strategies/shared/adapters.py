"""Low-rank adapters in a network: put on, turned off, folded into the weights (LoRA: Hu et al., arXiv 2106.09685).

A network with adapters stays the network it was: peft's layers stand where its linear layers stood, each holding the
linear layer as its `base_layer`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from attrimark_registry import AttrimarkError, Model, Unsupported, logical_shape
from torch import nn

from attrimark_plugins.models.shared.encoder_with_head import EncoderWithHead


def adapted_layers(network: nn.Module) -> Iterator[tuple[str, Any]]:
    """The layers that have an adapter, by name."""
    for name, module in network.named_modules():
        if hasattr(module, "base_layer") and hasattr(module, "lora_A"):
            yield name, module


def inner_layers(network: nn.Module) -> list[str]:
    """Names of the linear layers of the encoder or decoder itself, without head or output layer."""
    within = "encoder" if isinstance(network, EncoderWithHead) else getattr(network, "base_model_prefix", "")
    inner = getattr(network, within, network) if within else network
    prefix = "" if inner is network else f"{within}."
    return [prefix + name for name, module in inner.named_modules() if logical_shape(module)]


def put_on(network: nn.Module, layers: Sequence[str], rank: int, alpha: int, dropout: float) -> None:
    """Give the named linear layers adapters, drawn from torch's global generator; nothing else keeps a gradient.

    Raises:
        AttrimarkError: peft is not installed.
    """
    if find_spec("peft") is None:
        raise AttrimarkError("adapters need peft: pip install 'attrimark[adapters]'")
    from peft import LoraConfig, inject_adapter_in_model

    transposed = any(type(network.get_submodule(name)).__name__ == "Conv1D" for name in layers)
    config = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(layers), fan_in_fan_out=transposed
    )
    inject_adapter_in_model(config, network)


@contextmanager
def adapters_off(network: nn.Module) -> Iterator[None]:
    """The network without what its adapters add: for LoRA, the network it was fine-tuned from but for its head."""
    # enabling sets requires_grad too: flags are put back as they were
    layers = [(layer, layer.disable_adapters) for _, layer in adapted_layers(network)]
    flags = [(parameter, parameter.requires_grad) for layer, _ in layers for parameter in layer.parameters()]
    try:
        for layer, _ in layers:
            layer.enable_adapters(False)
        yield
    finally:
        for layer, disabled in layers:
            layer.enable_adapters(not disabled)
        for parameter, wanted in flags:
            parameter.requires_grad_(wanted)


def merged(network: nn.Module) -> nn.Module:
    """A copy in which adapters are folded into the weights of plain linear layers.

    Raises:
        Unsupported: an adapter lies over packed weights, which merging would round once more.
    """
    for name, layer in adapted_layers(network):
        if not layer.get_base_layer().weight.is_floating_point():
            raise _not_merged(name)
    network = copy.deepcopy(network)
    for name, layer in list(adapted_layers(network)):
        layer.merge()
        network.set_submodule(name, layer.get_base_layer())
    if hasattr(network, "peft_config"):
        del network.peft_config
    return network


def merged_model(model: Model) -> Model:
    """The model around its merged network, itself if it has no adapters.

    Where an adapter was tuned, the weight that it is folded into counts as tuned.

    Raises:
        Unsupported: an adapter lies over quantized weights.
    """
    names = [name for name, _ in adapted_layers(model.network)]
    if not names:
        return model
    for name in names:
        if f"{name}.base_layer.weight" in model.packed:  # also where they are stored in float
            raise _not_merged(name)
    new = model.around(merged(model.network))
    new.tuned = frozenset(_merged_name(each) for each in model.tuned)
    return new


def shared(network: nn.Module) -> nn.Module:
    """A copy with modules and parameters of its own, whose parameters hold the same memory and no gradient."""
    kept: dict[int, Any] = {id(buffer): buffer for buffer in network.buffers()}
    for parameter in network.parameters():
        scales = getattr(parameter, "quant_state", None)  # of a packed weight
        kept[id(parameter)] = nn.Parameter(parameter, requires_grad=False) if scales is None else copy.copy(parameter)
        if scales is not None:
            kept[id(scales)] = scales
    return copy.deepcopy(network, kept).requires_grad_(False)


def _merged_name(name: str) -> str:
    layer, adapter, _ = name.partition(".lora_")
    return f"{layer}.weight" if adapter else name.replace(".base_layer.", ".")


def _not_merged(name: str) -> Unsupported:
    return Unsupported(
        f"the adapter of {name} was trained over quantized weights and is not merged into them: "
        "fine-tune in float first, then quantize"
    )
