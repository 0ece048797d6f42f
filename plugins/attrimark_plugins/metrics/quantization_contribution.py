"""TuCo's decomposition with quantization in the place of fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Batch, Example, Model, ModelMetric
from jaxtyping import Float
from torch import Tensor

from attrimark_plugins.methods.shared.contributions import contributions
from attrimark_plugins.quantizers.shared.four_bit import Backend, Code, in_four_bits

from .shared.contributions_of_texts import in_batches


class QuantizationContribution(ModelMetric):
    """‖Q̄‖₁ / (‖P̄‖₁ + ‖Q̄‖₁), where Q̄ is all that rounding the weights adds to the last token's state.

    Of a model that is not quantized: the quantized one is made to measure, and not kept. P̄ is what the model's own
    blocks add on the quantized network's states.

    Options:
        code, double_quant, skip, backend: as quantizers have them.
    """

    name = "quantization-contribution"
    headline = False
    higher_is_better = None

    code: Code = "nf4"
    double_quant: bool = False
    skip: tuple[str, ...] = ()
    backend: Backend = "bitsandbytes"

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        """The share of each text.

        Raises:
            Unsupported: the model is quantized already; no text can be taken.
        """
        quantized = in_four_bits(model, self.code, self.double_quant, self.skip, self.backend)

        def measure(batch: Batch) -> Float[Tensor, "batch 1"]:
            return contributions(quantized, model, batch).tuco().unsqueeze(-1)

        return in_batches(quantized, examples, measure, 1)[:, 0]
