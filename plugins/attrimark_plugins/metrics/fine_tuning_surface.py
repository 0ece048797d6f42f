"""The fine-tuning surface: how many bits of the model did fine-tuning decide?

Bogaert & Standaert, "Does a Reduced Fine-Tuning Surface Impact the Stability of the Explanations of LLMs?", section 3.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import prod
from typing import Any, Literal

import numpy as np
from attrimark_registry import AttrimarkError, Example, Model, ModelMetric, Packing, Unsupported, logical_shape
from pydantic import Field

Biases = Literal["stored", "packed"]

FULL_BITS = 32  # a weight of a network that is not quantized: networks are loaded in float32


class FineTuningSurface(ModelMetric):
    """Bits of the weights that fine-tuning moved, as the model stores them.

    A weight of a quantized layer takes the bits of its code, with its share of the scales where `count_scales` is set;
    any other weight takes 32 bits in a network without quantized layers, and `other_bits` in one with them. `biases`
    says whether the bias of a quantized layer is counted as such another weight, or at the bits of the code. The
    defaults are the paper's conventions.
    """

    name = "fine-tuning-surface"
    higher_is_better = False
    bounds = (0.0, np.inf)
    unit = "bit"
    headline = False

    other_bits: int = Field(16, ge=1, le=64)
    count_scales: bool = False
    biases: Biases = "stored"

    def measure(self, model: Model, examples: Sequence[Example]) -> float:
        """The bits.

        Raises:
            Unsupported: no weight is known to have been fine-tuned.
        """
        if not model.tuned:
            raise Unsupported("no weight of this model is known to be fine-tuned, so it has no fine-tuning surface")
        return surface(
            weight_counts(model.network), model.tuned, model.packed, self.other_bits, self.count_scales, self.biases
        )


def surface(
    counts: Mapping[str, int],
    tuned: Collection[str],
    packed: Mapping[str, Packing],
    other_bits: int = 16,
    count_scales: bool = False,
    biases: Biases = "stored",
) -> float:
    """Bits of the tuned parameters; see `FineTuningSurface`. Needs no weights, only how many there are.

    Args:
        counts: the number of weights of each of the network's parameters, by its name.
        packed: how the weights of quantized layers are stored, empty where there are none.

    Raises:
        AttrimarkError: a tuned parameter is none of the network's.
    """
    if unknown := sorted(set(tuned) - set(counts)):
        raise AttrimarkError(f"fine-tuned, but no parameter of this network: {', '.join(unknown[:5])}")

    other = other_bits if packed else FULL_BITS

    def bits(name: str) -> int | float:
        layer, _, kind = name.rpartition(".")
        if name in packed:
            return packed[name].code + (packed[name].scales if count_scales else 0)
        if biases == "packed" and kind == "bias" and f"{layer}.weight" in packed:
            return packed[f"{layer}.weight"].code
        return other

    # in one order, as rounding is not the same in every
    return float(sum(counts[name] * bits(name) for name in sorted(tuned)))


def weight_counts(network: Any) -> dict[str, int]:
    """The number of weights of each parameter by its name, also where four-bit codes share a byte; tied ones once."""
    counts = {}
    for name, parameter in network.named_parameters():
        layer, _, kind = name.rpartition(".")
        shape = logical_shape(network.get_submodule(layer)) if kind == "weight" else None
        counts[name] = prod(shape or parameter.shape)
    return counts
