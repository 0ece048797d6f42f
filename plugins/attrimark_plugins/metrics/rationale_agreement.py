"""Rationale agreement: does the rationale alone lead to the same decision?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, Scores

from .shared.rationale import RationaleMetric


class RationaleAgreement(RationaleMetric):
    """1 where the prediction from the kept words equals that from the full text: Videneeva's Table I.

    The paper names no threshold; above the mean is a choice made here. An empty selection counts as wrong,
    whatever the model says to an empty text. The diagnostic `kept` is the share of features kept: without it
    the figure means little, since whoever keeps all agrees.
    """

    name = "rationale-agreement"
    reading = "decision"

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        keep, weights = self.rationales(attribution, rng)
        agrees = yield keep
        return Scores(float(weights @ (agrees * keep.any(axis=1))), {"kept": float(weights @ keep.mean(axis=1))})
