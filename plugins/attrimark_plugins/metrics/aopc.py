"""AOPC as ERASER has it (DeYoung et al., arXiv 1911.03429): what rationales of several lengths lose or keep."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Annotated

import numpy as np
from attrimark_registry import Attribution, Exploration, Keep, Scores, SubsetMetric, Values
from attrimark_registry.ranking import length, selections
from jaxtyping import Float
from pydantic import Field, Strict

# a TOML list is a list, and options are tuples
Ratios = Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Strict(False), Field(min_length=1)]
ERASERS: Ratios = (0.01, 0.05, 0.1, 0.2, 0.5)
TENTHS: Ratios = tuple(tenth / 10 for tenth in range(1, 10))


class AopcComprehensiveness(SubsetMetric):
    """The mean of p(ŷ|X) − p(ŷ|X∖R) over rationales R of several lengths: higher is better.

    R is the top `ratio` of the features, at least one, an expectation over tied ones. In texts of at most ten
    words ERASER's first three ratios are one word.
    """

    name = "aopc-comprehensiveness"
    bounds = (-1.0, 1.0)

    ratios: Ratios = ERASERS

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        return summary(self.ratios, (yield from curve(attribution, self.ratios, rng, kept=False)))


class AopcSufficiency(SubsetMetric):
    """The mean of p(ŷ|X) − p(ŷ|R) over rationales R of several lengths: lower is better.

    The opposite sense of `sufficiency`, which is one minus that difference. R is as in `aopc-comprehensiveness`.
    """

    name = "aopc-sufficiency"
    bounds = (-1.0, 1.0)
    higher_is_better = False

    ratios: Ratios = ERASERS

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        return summary(self.ratios, (yield from curve(attribution, self.ratios, rng, kept=True)))


def curve(
    attribution: Attribution, ratios: Sequence[float], rng: np.random.Generator, kept: bool, clip: bool = False
) -> Generator[Keep, Values, Float[np.ndarray, " ratios"]]:
    """p(X) − p(what is left) for each ratio, an expectation over tied features; R is what is left where it is `kept`.

    With `clip`, a loss below 0 counts as none.
    """
    count = len(attribution.features)
    tops = [selections(attribution.scores, length(ratio, count), rng) for ratio in ratios]
    keep = np.concatenate([keep for keep, _ in tops])
    values = yield np.concatenate([np.ones((1, count), dtype=bool), keep if kept else ~keep])
    lost = values[0] - values[1:]
    if clip:
        lost = lost.clip(min=0)
    ends = np.cumsum([len(weights) for _, weights in tops])[:-1]
    return np.array([weights @ some for (_, weights), some in zip(tops, np.split(lost, ends), strict=True)])


def summary(ratios: Sequence[float], points: Float[np.ndarray, " ratios"]) -> Scores:
    """The mean of a curve, with its points as diagnostics: `at 0.05` is the one where R is a twentieth of the text."""
    return Scores(float(points.mean()), {f"at {ratio:g}": float(y) for ratio, y in zip(ratios, points, strict=True)})
