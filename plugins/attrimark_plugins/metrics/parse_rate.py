"""Parse rate: how often a prompted model's answer holds a label at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Example, Model, ModelMetric
from jaxtyping import Float
from pydantic import Field

from .shared.answers import answers


class ParseRate(ModelMetric):
    """1 where the first `most` tokens that the model writes hold a label, 0 where they do not.

    Only for models that are asked in words; others are unsupported.
    """

    name = "parse-rate"

    most: int = Field(16, ge=1, le=1000)

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        return np.array([float(label is not None) for label in answers(model, examples, self.most)])
