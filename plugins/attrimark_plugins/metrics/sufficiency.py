"""Sufficiency: is what the explanation points at enough for the decision?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, Scores
from pydantic import Field

from .shared.rationale import RationaleMetric, Threshold


class Sufficiency(RationaleMetric):
    """1 − (p(ŷ|X) − p(ŷ|R)): higher is better, 1 where the rationale R alone keeps the probability.

    As in Videneeva's paper, `clip` takes 1 − max(0, ·), after Zhao & Aletras (arXiv 2305.10496); ERASER
    (DeYoung et al., arXiv 1911.03429) prints the unclipped difference, where lower is better. R is the top
    `ratio` of the features, an expectation over tied ones, or what scores above a `threshold`. The diagnostic
    `kept` is R's share of the features.
    """

    name = "sufficiency"
    bounds = (0.0, 2.0)  # a rationale can be surer than the full text

    ratio: float | None = Field(0.2, gt=0, le=1)
    threshold: Threshold | None = None
    clip: bool = False

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        keep, weights = self.rationales(attribution, rng)
        everything = np.ones((1, len(attribution.features)), dtype=bool)
        values = yield np.concatenate([everything, keep])
        lost = values[0] - values[1:]
        if self.clip:
            lost = lost.clip(min=0)
        return Scores(float(weights @ (1 - lost)), {"kept": float(weights @ keep.mean(axis=1))})
