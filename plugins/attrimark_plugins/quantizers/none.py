"""No quantization: the weights as they are."""

from __future__ import annotations

from attrimark_registry import Model, Quantizer


class NoQuantization(Quantizer):
    """The same model."""

    name = "none"

    def quantize(self, model: Model, device: str | None = None) -> Model:
        return model
