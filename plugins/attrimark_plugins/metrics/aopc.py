"""AOPC as ERASER has it (DeYoung et al., arXiv 1911.03429): what rationales of several lengths lose or keep."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from attrimark_registry import Attribution, Exploration, SubsetMetric
from pydantic import Field, Strict

from .rationale import length, selections

# a TOML list is a list, and options are tuples
Ratios = Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Strict(False), Field(min_length=1)]
ERASERS: Ratios = (0.01, 0.05, 0.1, 0.2, 0.5)


class AopcComprehensiveness(SubsetMetric):
    """The mean of p(ŷ|X) − p(ŷ|X∖R) over rationales R of several lengths: higher is better.

    R is the top `ratio` of the features, at least one, an expectation over tied ones. In texts of at most ten
    words ERASER's first three ratios are one word.
    """

    name = "aopc-comprehensiveness"
    bounds = (-1.0, 1.0)

    ratios: Ratios = ERASERS

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        return (yield from _mean_loss(attribution, self.ratios, rng, kept=False))


class AopcSufficiency(SubsetMetric):
    """The mean of p(ŷ|X) − p(ŷ|R) over rationales R of several lengths: lower is better.

    The opposite sense of `sufficiency`, which is one minus that difference. R is as in `aopc-comprehensiveness`.
    """

    name = "aopc-sufficiency"
    bounds = (-1.0, 1.0)
    higher_is_better = False

    ratios: Ratios = ERASERS

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        return (yield from _mean_loss(attribution, self.ratios, rng, kept=True))


def _mean_loss(attribution: Attribution, ratios: Ratios, rng: np.random.Generator, kept: bool) -> Exploration:
    """p(X) − p(what is left) averaged over the ratios; R is what is left where it is `kept`."""
    count = len(attribution.features)
    tops = [selections(attribution.scores, length(ratio, count), rng) for ratio in ratios]
    keep = np.concatenate([keep for keep, _ in tops])
    weights = np.concatenate([weights for _, weights in tops]) / len(tops)
    values = yield np.concatenate([np.ones((1, count), dtype=bool), keep if kept else ~keep])
    return float(weights @ (values[0] - values[1:]))
