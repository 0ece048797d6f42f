"""Accuracy: how often the model is right, without which an explanation of it means little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from attrimark_registry import Example, Model, ModelMetric, Unsupported
from jaxtyping import Float
from pydantic import Field

from .answers import answers


class Accuracy(ModelMetric):
    """1 where the model's label is the gold label, 0 where it is not, NaN where there is no gold label.

    The `constrained` answer is the most probable label. The `generated` one is the label in the first `most`
    tokens that a prompted model writes; an answer without a label is wrong (`parse-rate` says how many).
    """

    name = "accuracy"

    answer: Literal["constrained", "generated"] = "constrained"
    most: int = Field(16, ge=1, le=1000)

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        """Right or wrong, one number an example.

        Raises:
            Unsupported: the model decides between no labels, or writes no answers.
        """
        if not model.labels:
            raise Unsupported("a model that decides between no labels has no accuracy")
        if self.answer == "generated":
            given = answers(model, examples, self.most)
        else:
            given = [model.labels[best] for best in model.predict([model.encode(example) for example in examples])]
        pairs = zip(given, examples, strict=True)
        return np.array([np.nan if each.label is None else float(label == each.label) for label, each in pairs])
