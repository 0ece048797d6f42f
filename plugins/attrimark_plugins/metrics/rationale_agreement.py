"""Rationale agreement: does the rationale alone lead to the same decision?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, Scores, SubsetMetric
from pydantic import Field, model_validator

from .rationale import Threshold, one_rule, rationales


class RationaleAgreement(SubsetMetric):
    """1 where the prediction from the kept words equals that from the full text: Videneeva's Table I.

    The paper names no threshold; above the mean is a choice made here. An empty selection counts as wrong,
    whatever the model says to an empty text. The diagnostic `kept` is the share of features kept: without it
    the figure means little, since whoever keeps all agrees.
    """

    name = "rationale-agreement"
    reading = "decision"

    ratio: float | None = Field(None, gt=0, le=1)
    threshold: Threshold | None = "mean"

    _one_rule = model_validator(mode="before")(one_rule)

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        keep, weights = rationales(attribution.scores, self.ratio, self.threshold, rng)
        agrees = yield keep
        return Scores(float(weights @ (agrees * keep.any(axis=1))), {"kept": float(weights @ keep.mean(axis=1))})
