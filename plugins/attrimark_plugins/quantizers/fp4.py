"""FP4: sixteen levels spaced as four-bit floating-point numbers are."""

from __future__ import annotations

from attrimark_registry import Model, Quantizer

from .shared.four_bit import Backend, Compute, in_four_bits


class Fp4(Quantizer):
    """Linear weights as four-bit floating-point numbers.

    See `four_bit.in_four_bits` for the options.
    """

    name = "fp4"

    double_quant: bool = False
    skip: tuple[str, ...] = ()
    backend: Backend = "bitsandbytes"
    compute: Compute = "float32"

    def quantize(self, model: Model, device: str | None = None) -> Model:
        return in_four_bits(model, "fp4", self.double_quant, self.skip, self.backend, self.compute, device)
