"""Are scores better than the same scores on other words? A permutation test of all methods of a table together.

Where a metric compares scores with what is known of the words, and asks no network, chance can be had exactly: the
scores of each text are given to its words in other orders, each order at once for all methods and networks, so that
what they have in common stays. Max-T over the methods (Westfall & Young, *Resampling-Based Multiple Testing*, 1993)
then holds the level for any metric, however skewed, and any number of texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .crossed_null import adjusted
from .simultaneous import CLEARLY, Direction

_DIGITS = 6  # of standard deviations: values are kept in single precision, and equal ones must count as equal


@dataclass(frozen=True)
class AgainstChance:
    """One method.

    Attributes:
        p: two-sided, adjusted for the methods.
        direction: where its mean lies from that of all orders, as far as the level allows.
    """

    p: float
    direction: Direction


def against_chance(
    means: Mapping[str, tuple[float, Float[np.ndarray, " orders"]]], level: float = 0.95
) -> dict[str, AgainstChance]:
    """Each method's scores as they are, compared with the same in other orders; a tie where orders make no difference.

    Args:
        means: by method, over networks and texts: of the scores as they are, and in each of the other orders.
    """
    if not means:
        return {}
    every = np.array([[observed, *others] for observed, others in means.values()], dtype=np.float64)
    spread = every.std(axis=1, keepdims=True)
    there = spread > 1e-6 * np.abs(every).max(axis=1, keepdims=True)  # else it is rounding
    scores = np.divide(every - every.mean(axis=1, keepdims=True), spread, out=np.zeros_like(every), where=there)
    scores = scores.round(_DIGITS)
    above, below = (_one_side(side, (1 + level) / 2) for side in (scores, -scores))
    found = {}
    for name, score, *sides in zip(means, scores[:, 0], above, below, strict=True):
        p = min(1.0, 2 * float(min(sides)))
        found[name] = AgainstChance(p, "tie" if p > 1 - level else "above" if score > 0 else "below")
    return found


def _one_side(scores: Float[np.ndarray, "methods orders"], level: float) -> Float[np.ndarray, " methods"]:
    """P-values of being above chance, step by step; a method that is clearly below is no part of the family."""
    p_values = np.ones(len(scores))
    left, least = np.flatnonzero(scores[:, 0] >= -CLEARLY), 0.0
    while left.size:
        largest = scores[left, 1:].max(axis=0)
        found = np.array([1.0 if scores[each, 0] == 0 else adjusted(float(scores[each, 0]), largest) for each in left])
        p_values[left] = np.maximum(least, found)
        kept = found > 1 - level
        if kept.all() or not kept.any():
            break
        least, left = found[~kept].max(), left[kept]
    return p_values
