"""Accuracy: how often the model is right, without which an explanation of it means little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from attrimark_registry import Example, Model, ModelMetric, Splits, Unsupported
from jaxtyping import Float
from pydantic import Field

from .shared.answers import answers
from .shared.predictions import encodable, predicted_by_length


class Accuracy(ModelMetric):
    """1 where the model's label is the gold label, 0 where it is not.

    NaN where there is no gold label, or the model cannot take the text (it is too long, say). Measured on the texts
    that are explained, or on a whole `split`; on the `first` so many of them.

    The `constrained` answer is the most probable label. The `generated` one is the label in the first `most`
    tokens that a prompted model writes; an answer without a label is wrong (`parse-rate` says how many).

    Of labels that are exactly as probable the model's is the first, as where its decision is explained; the paper of
    TuCo counts such a tie as wrong.
    """

    name = "accuracy"

    answer: Literal["constrained", "generated"] = "constrained"
    most: int = Field(16, ge=1, le=1000)
    split: Literal["explained", "validation", "test"] = "explained"
    first: int | None = Field(None, ge=1)

    def texts(self, splits: Splits, explained: Sequence[Example]) -> Sequence[Example]:
        """The first texts of the split.

        Raises:
            Unsupported: the dataset has no such split.
        """
        if self.split == "explained":
            return explained[: self.first]
        texts = splits.validation if self.split == "validation" else splits.test
        if not texts:
            raise Unsupported(f"the dataset has no {self.split} split to measure accuracy on")
        return texts[: self.first]

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        """Right or wrong, one number an example.

        Raises:
            Unsupported: the model decides for none of several labels, writes no answers, or can take none of the texts.
        """
        model.require_one_of_labels()
        rows = encodable(model, examples)
        if self.answer == "generated":
            given = answers(model, [examples[place] for place in rows], self.most)
        else:
            given = [model.labels[best] for best in predicted_by_length(model, list(rows.values()))]
        right = np.full(len(examples), np.nan)
        for place, label in zip(rows, given, strict=True):
            if examples[place].label is not None:
                right[place] = label == examples[place].label
        return right
