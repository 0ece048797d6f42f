"""Wall time in pairs: two work trees explain the same texts in turn, so that a busy machine slows both.

The order is ABBA. A slowdown is told only where the median of the pairs' ratios and the lower end of its interval say
so, and say so again with three times the pairs. The interval is that of order statistics, which assumes no distribution
(David & Nagaraja, Order Statistics, 2003, ch. 7).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.special import bdtr

from .regression import Finding, Verdict

FEWEST_PAIRS = 10
AGAIN = 3  # times the pairs, to confirm a hit
THRESHOLD = 0.10
LEVEL = 0.95

Side = Literal["base", "head"]
Measure = Callable[[Side], float]  # seconds


@dataclass(frozen=True)
class Timing:
    """The median ratio of head to base, and its interval."""

    ratio: float
    low: float
    high: float
    base: float
    head: float
    pairs: int

    def verdict(self, threshold: float = THRESHOLD) -> Verdict:
        """What these pairs say; a slowdown must be seen twice to count."""
        if self.ratio > 1 + threshold:
            return "regressed" if self.low > 1 + threshold / 2 else "inconclusive"
        if self.ratio < 1 / (1 + threshold):
            return "improved" if self.high < 1 / (1 + threshold / 2) else "inconclusive"
        return "same"


def timed(measure: Measure, pairs: int = FEWEST_PAIRS) -> Timing:
    """Measure both sides in turn: base, head, head, base, …"""
    seconds: dict[Side, list[float]] = {"base": [], "head": []}
    order: tuple[Side, Side] = ("base", "head")
    for _ in range(pairs):
        for side in order:
            seconds[side].append(measure(side))
        order = (order[1], order[0])
    base, head = np.array(seconds["base"]), np.array(seconds["head"])
    low, high = interval_of_median(head / base)
    medians = float(np.median(base)), float(np.median(head))
    return Timing(float(np.median(head / base)), low, high, *medians, pairs)


def interval_of_median(values: Float[np.ndarray, " values"]) -> tuple[float, float]:
    """The order statistics between which the median lies with at least the level; all the values where they are few."""
    ordered, count = np.sort(values), len(values)
    # at most `place` of the values lie on one side of the median with the probability that is left for that side
    unlikely = (place for place in range(count // 2) if bdtr(place, count, 0.5) <= (1 - LEVEL) / 2)
    place = max(unlikely, default=0)
    return float(ordered[place]), float(ordered[count - 1 - place])


def found(cell: str, measure: Measure, pairs: int = FEWEST_PAIRS, threshold: float = THRESHOLD) -> Finding:
    """What pairs say of a cell's seconds, measured again where they say that it became slower."""
    timing = timed(measure, pairs)
    verdict = timing.verdict(threshold)
    if verdict == "regressed":
        timing = timed(measure, AGAIN * pairs)
        again = timing.verdict(threshold)
        verdict = again if again in ("regressed", "inconclusive") else "same"
    told = f"{timing.ratio:.3f} times the base's, {LEVEL:.0%} interval {timing.low:.3f} to {timing.high:.3f}"
    reason = f"{told}; {timing.pairs} pairs, {threshold:.0%} allowed"
    return Finding(cell, "seconds", "time", verdict, before=timing.base, after=timing.head, reason=reason)
