"""NF4: sixteen levels at quantiles of the normal distribution (Dettmers et al., arXiv 2305.14314)."""

from __future__ import annotations

from attrimark_registry import Model, Quantizer

from .shared.four_bit import Backend, Compute, in_four_bits


class Nf4(Quantizer):
    """Linear weights at levels made for normally distributed weights.

    See `four_bit.in_four_bits` for the options.
    """

    name = "nf4"

    double_quant: bool = False
    skip: tuple[str, ...] = ()
    backend: Backend = "bitsandbytes"
    compute: Compute = "float32"

    def quantize(self, model: Model, device: str | None = None) -> Model:
        return in_four_bits(model, "nf4", self.double_quant, self.skip, self.backend, self.compute, device)
