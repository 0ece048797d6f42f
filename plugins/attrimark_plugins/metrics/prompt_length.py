"""The length of a prompt: the most trivial detector of unusual ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Example, Model, ModelMetric
from attrimark_registry.encoding import PROTECTED
from jaxtyping import Float

from .shared.predictions import encodable


class PromptLength(ModelMetric):
    """Tokens of the text, without those that a prompt or a chat template puts around every one."""

    name = "prompt-length"
    version = "2"
    higher_is_better = None
    bounds = (0.0, np.inf)
    unit = "token"
    headline = False

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        lengths = np.full(len(examples), np.nan)
        for place, row in encodable(model, examples).items():
            lengths[place] = (row.feature_of != PROTECTED).sum()
        return lengths
