"""Sufficiency over rationales of every length, in the sense of Videneeva's paper."""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, SubsetMetric

from .aopc import TENTHS, Ratios, curve, summary


class SufficiencyCurve(SubsetMetric):
    """The mean of 1 − max(0, p(ŷ|X) − p(ŷ|R)) over rationales R of several lengths: higher is better.

    The opposite sense of ERASER's `aopc-sufficiency`, clipped as the paper prints it, unless `clip = false`.
    The diagnostics are the curve's points.
    """

    name = "sufficiency-curve"
    bounds = (0.0, 2.0)
    headline = False

    ratios: Ratios = TENTHS
    clip: bool = True

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        lost = yield from curve(attribution, self.ratios, rng, kept=True, clip=self.clip)
        return summary(self.ratios, 1 - lost)
