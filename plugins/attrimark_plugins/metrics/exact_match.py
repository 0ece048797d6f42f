"""Exact match: how often a model writes the reference, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Example, Model, ModelMetric
from jaxtyping import Float

from .shared.written_texts import written_and_references


class ExactMatch(ModelMetric):
    """1 where the greedy text is the reference, 0 where it is not; runs of white space count as one space.

    NaN for a text without a reference, or one that the model cannot take.
    """

    name = "exact-match"

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        matches = np.full(len(examples), np.nan)
        for place, (written, reference) in written_and_references(model, examples).items():
            matches[place] = written.split() == reference.split()
        return matches
