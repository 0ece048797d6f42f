"""Comparisons of one table that hold together: with probability `level`, none of their intervals misses.

Single-step max-T (Westfall & Young, *Resampling-Based Multiple Testing*, 1993): what comparisons have in common is
allowed for, so that one more of them costs the others little, and nothing where it goes along with another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from .crossed_null import DRAWS, CrossedNull, adjusted, critical, half_widths, observed_scores
from .intervals import Estimate, complete, crossed_interval, judged

Direction = Literal["above", "below", "tie", "–"]


@dataclass(frozen=True)
class Compared:
    """A difference, and what may be said of it beside the rest of its family.

    Attributes:
        difference: its interval holds together with those of the family.
        p: adjusted for the family: the smallest 1 − level at which a direction is told. NaN where nothing can be told.
        direction: where the true difference lies from 0, as far as its `level` allows: "tie" where it may be on either
            side or is 0 throughout, "–" where there is too little to judge by.
    """

    difference: Estimate
    p: float
    direction: Direction


def simultaneous(
    differences: Mapping[str, Float[np.ndarray, "seeds texts"]],
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = DRAWS,
) -> dict[str, Compared]:
    """Each mean paired difference, with an adjusted p-value and an interval that excludes 0 where p ≤ 1 − level.

    All are measured on the same seeds and texts; a text that misses any value is left out of all. Fewer than 5 seeds
    speak for texts only. A difference that is the same everywhere has no interval: the sign test over texts decides.

    Args:
        draws: of the null. Where they are too few for the level, intervals have no ends.
    """
    if not differences:
        return {}
    values = complete(np.stack(list(differences.values())))
    family, _, texts = values.shape
    if texts < 2:
        return {
            name: Compared(crossed_interval(each, level), np.nan, "–")
            for name, each in zip(differences, values, strict=True)
        }
    rows = judged(values)
    largest = abs(CrossedNull(rows, rng, draws).scores(np.eye(family))).max(axis=1)
    scores, halves = abs(observed_scores(rows)), half_widths(critical(largest, level), rows)
    compared = {}
    for name, own, score, half in zip(differences, values, scores.tolist(), halves.tolist(), strict=True):
        estimate = crossed_interval(own, level)
        if not np.isnan(estimate.low):
            estimate = replace(estimate, low=estimate.mean - half, high=estimate.mean + half)
        p = 1.0 if score == 0 else adjusted(score, largest)
        compared[name] = Compared(estimate, p, direction_of(estimate, p))
    return compared


def direction_of(difference: Estimate, p: float) -> Direction:
    """What a p-value that is adjusted for the family says at the interval's level."""
    if p <= 1 - difference.level:
        return "above" if difference.mean > 0 else "below"
    return "–" if np.isnan(p) or (np.isnan(difference.low) and difference.mean != 0) else "tie"
