"""The weight that a linear layer multiplies with, however it is stored: in float, in four bits, with adapters on."""

from __future__ import annotations

from typing import Any

from attrimark_registry import Unsupported, at_least_float32
from jaxtyping import Float
from torch import Tensor


def effective_weight(layer: Any) -> Float[Tensor, "out in"]:
    """The weight in float32 or better, unpacked from four bits and with its low-rank adapters added.

    Adapters (Hu et al., arXiv 2106.09685) are known by what they hold, so that peft need not be installed.

    Raises:
        Unsupported: an adapter that adds something else than a product of two matrices.
    """
    if hasattr(layer, "base_layer"):
        weight = effective_weight(layer.base_layer)
        if layer.disable_adapters or layer.merged:
            return weight
        if not hasattr(layer, "lora_A"):
            raise Unsupported(f"{type(layer).__name__} is no low-rank adapter: merge it first")
        return sum((_product(layer, name) for name in layer.active_adapters if name in layer.lora_A), start=weight)
    state = getattr(layer.weight, "quant_state", None)
    if state is None:
        return at_least_float32(layer.weight.detach())
    from bitsandbytes.functional import dequantize_4bit

    return at_least_float32(dequantize_4bit(layer.weight.data, state))


def _product(layer: Any, name: str) -> Float[Tensor, "out in"]:
    """What one adapter adds to the weight."""
    if getattr(layer, "use_dora", {}).get(name):
        raise Unsupported("a DoRA adapter rescales the weight: merge it first")
    down, up = layer.lora_A[name].weight.detach(), layer.lora_B[name].weight.detach()
    return layer.scaling[name] * (at_least_float32(up) @ at_least_float32(down))
