"""Comprehensiveness: does the decision need what the explanation points at?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, Scores
from pydantic import Field

from .shared.rationale import RationaleMetric, Threshold


class Comprehensiveness(RationaleMetric):
    """p(ŷ|X) − p(ŷ|X∖R): what is lost when the rationale R is removed (DeYoung et al., arXiv 1911.03429).

    `clip` takes max(0, ·), as Videneeva's paper does. R is the top `ratio` of the features, an expectation
    over tied ones, or what scores above a `threshold`. The diagnostic `kept` is R's share of the features.
    """

    name = "comprehensiveness"
    bounds = (-1.0, 1.0)  # the rest can be surer than the full text

    ratio: float | None = Field(0.2, gt=0, le=1)
    threshold: Threshold | None = None
    clip: bool = False

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        keep, weights = self.rationales(attribution, rng)
        everything = np.ones((1, len(attribution.features)), dtype=bool)
        values = yield np.concatenate([everything, ~keep])
        lost = values[0] - values[1:]
        if self.clip:
            lost = lost.clip(min=0)
        return Scores(float(weights @ lost), {"kept": float(weights @ keep.mean(axis=1))})
