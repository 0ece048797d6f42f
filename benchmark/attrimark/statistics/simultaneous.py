"""Comparisons of one table that hold together: with probability `level`, none of their intervals misses.

Max-T (Westfall & Young, *Resampling-Based Multiple Testing*, 1993) on each side: what comparisons have in common is
allowed for. A comparison that is clearly on the other side of 0 is not counted (Hansen, Journal of Business & Economic
Statistics, 2005), and one that is decided is not counted for the rest (step-down: Romano & Wolf, Journal of the
American Statistical Association, 2005): one more that is clearly better, or clearly worse, changes no other verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from .crossed_null import CrossedNull, adjusted, critical, half_widths, observed_scores
from .intervals import Estimate, complete, crossed_interval, judged

DRAWS = 10_000  # the 5 % point is then known to 0.2 points (one standard error)
CLEARLY = 2.0  # normal scores; Hansen's √(2 ln ln n) is 1.3 for 10 texts and 2.0 for 1,600

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
    seed: int = 0,
    level: float = 0.95,
    draws: int = DRAWS,
) -> dict[str, Compared]:
    """Each mean paired difference, with an adjusted p-value and an interval that excludes 0 where p ≤ 1 − level.

    All are measured on the same seeds and texts; a text that misses any value is left out of all. Fewer than 5 seeds
    speak for texts only. A difference that is the same everywhere has no interval: the sign test over texts decides.

    Args:
        seed: of the draws of the null.
        draws: of the null. Where they are too few for the level, intervals have no ends.
    """
    if not differences:
        return {}
    values = complete(np.stack(list(differences.values())))
    if values.shape[-1] < 2:
        return {
            name: Compared(crossed_interval(each, level), np.nan, "–")
            for name, each in zip(differences, values, strict=True)
        }
    rows = judged(values)
    one_sided = (1 + level) / 2
    above, over = _one_side(rows, seed, one_sided, draws)
    below, under = _one_side(-rows, seed, one_sided, draws)
    compared = {}
    for name, own, *found in zip(differences, values, above, below, over, under, strict=True):
        of_above, of_below, down, up = map(float, found)
        estimate = crossed_interval(own, level)
        if not np.isnan(estimate.low):
            ends = [up if np.isnan(down) else down, down if np.isnan(up) else up]
            estimate = replace(estimate, low=estimate.mean - ends[0], high=estimate.mean + ends[1])
        p = min(1.0, 2 * min(of_above, of_below))
        compared[name] = Compared(estimate, p, direction_of(estimate, p))
    return compared


def _one_side(
    rows: Float[np.ndarray, "family rows texts"], seed: int, level: float, draws: int
) -> tuple[Float[np.ndarray, " family"], Float[np.ndarray, " family"]]:
    """P-values of being above 0, and half the width of intervals at the step that decided; NaN where none did.

    Comparisons that are clearly below 0 are no part of the family; those that are shown to be above leave it, and the
    rest is compared again without them.
    """
    scores = observed_scores(rows)
    p_values, halves = np.ones(len(rows)), np.full(len(rows), np.nan)
    left, least = np.flatnonzero(scores >= -CLEARLY), 0.0
    while left.size:
        largest = CrossedNull(rows[left], seed, draws).scores(np.eye(left.size)).max(axis=1)
        found = np.array([1.0 if scores[each] == 0 else adjusted(float(scores[each]), largest) for each in left])
        p_values[left] = least = np.maximum(least, found)
        halves[left] = half_widths(critical(largest, level), rows[left])
        kept = found > 1 - level
        if kept.all() or not kept.any():
            break
        least, left = found[~kept].max(), left[kept]
    return p_values, halves


def direction_of(difference: Estimate, p: float) -> Direction:
    """What a p-value that is adjusted for the family says at the interval's level."""
    if p <= 1 - difference.level:
        return "above" if difference.mean > 0 else "below"
    return "–" if np.isnan(p) or (np.isnan(difference.low) and difference.mean != 0) else "tie"
