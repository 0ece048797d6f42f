"""Comprehensiveness over rationales of every length, in the sense of Videneeva's paper."""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, SubsetMetric

from .aopc import TENTHS, Ratios, curve, summary


class ComprehensivenessCurve(SubsetMetric):
    """The mean of max(0, p(ŷ|X) − p(ŷ|X∖R)) over rationales R of several lengths: higher is better.

    ERASER's `aopc-comprehensiveness` clipped as the paper prints it, unless `clip = false`.
    The diagnostics are the curve's points.
    """

    name = "comprehensiveness-curve"
    bounds = (-1.0, 1.0)
    headline = False

    ratios: Ratios = TENTHS
    clip: bool = True

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        lost = yield from curve(attribution, self.ratios, rng, kept=False, clip=self.clip)
        return summary(self.ratios, lost)
