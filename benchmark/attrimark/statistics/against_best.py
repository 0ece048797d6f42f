"""Multiple comparisons with the best: how far each method is from the best of the others, and which may be the best.

Which method is the best is itself uncertain, so the leader may not be treated as if it had been chosen beforehand. Each
method is tested in turn as if it were truly the best: then it is not clearly behind any other (one-sided max-T). Only
one of these tests concerns the method that truly is the best, so that their number costs nothing (Hsu, The Annals of
Statistics, 1984; *Multiple Comparisons*, 1996, ch. 4).

Two methods are compared on what both were measured on, whatever else is in the table; and one counts as behind another
only where it is behind on all of that. A method that is clearly behind another is no rival to it (Hansen, Journal of
Business & Economic Statistics, 2005), so that a bad method more changes nothing for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .crossed_null import CrossedNull, adjusted, critical, half_widths, observed_scores
from .intervals import NO_INTERVAL, NO_SPREAD, Estimate, alike, judged, speaks_for
from .pairs import Pairs
from .simultaneous import CLEARLY

DRAWS = 4000  # of every pair of methods

PerMethod = Float[np.ndarray, " methods"]
PerPair = Float[np.ndarray, "methods methods"]


@dataclass(frozen=True)
class AgainstBest:
    """One method compared with the best of the others.

    Attributes:
        lead: over the best of the others, negative where it is behind, with Hsu's constrained interval, which holds
            together with those of the others: 0 is inside where the method may be the best; 0 is the upper end where
            it is not, and the lower end where it is the best.
        p: that of being shown not to be the best; NaN where that cannot be judged.
        may_be_best: at the interval's level; None where that cannot be judged.
    """

    lead: Estimate
    p: float
    may_be_best: bool | None


def against_best(pairs: Pairs, seed: int = 0, level: float = 0.95, draws: int = DRAWS) -> dict[str, AgainstBest]:
    """Each method and the best of the others that it can be compared with.

    Fewer than 5 seeds speak for texts only. Two methods whose difference is the same everywhere are compared by the
    sign test over texts; where that cannot decide, what depends on them has no interval.

    Args:
        seed: of the draws.
    """
    seeds, texts = pairs.leads.shape[2:]
    if not pairs.names:
        return {}
    ahead = pairs.leads.mean(axis=(2, 3)) if texts else np.full(pairs.comparable.shape, np.nan)
    leads = np.where(pairs.comparable.any(axis=1), np.where(pairs.comparable, ahead, np.inf).min(axis=1), np.nan)
    if texts > 1 and len(pairs.names) > 1:
        p_values, halves = _judged(pairs, seed, level, draws)
    else:
        p_values, halves = np.full(len(pairs.names), np.nan), np.full(ahead.shape, np.nan)
    possible = p_values > 1 - level
    lows, highs = _constrained(ahead, halves, pairs.comparable, possible)
    found = {}
    for place, name in enumerate(pairs.names):
        low, high, p = float(lows[place]), float(highs[place]), float(p_values[place])
        method = NO_INTERVAL if np.isnan(p) else NO_SPREAD if np.isnan(low) else speaks_for(seeds)
        estimate = Estimate(float(leads[place]), low, high, level, seeds, texts, method)
        found[name] = AgainstBest(estimate, p, None if np.isnan(p) else bool(possible[place]))
    return found


def _judged(pairs: Pairs, seed: int, level: float, draws: int) -> tuple[PerMethod, PerPair]:
    """P-values of not being the best, and how much further each may be behind each other one than it seems."""
    rows = judged(pairs.leads)
    scores = observed_scores(rows.reshape(-1, *rows.shape[2:])).reshape(rows.shape[:2])
    rivals = pairs.comparable & ~(scores > CLEARLY)  # [a, b]: b is not clearly behind a
    nearest = np.where(pairs.comparable, scores, np.inf).argmin(axis=1)
    rivals[np.arange(len(rows)), nearest] |= pairs.comparable.any(axis=1)
    p_values, halves = np.full(len(rows), np.nan), np.full(rows.shape[:2], np.nan)
    for place in np.flatnonzero(pairs.comparable.any(axis=1)).tolist():
        against: list[int] = np.flatnonzero(rivals[place]).tolist()
        largest = _null(pairs.of([place, *against]), seed, draws).max(axis=1)
        behind = [-scores[place, each] for each in against if pairs.ahead[each, place]]
        p_values[place] = adjusted(float(max(behind)), largest) if behind else 1.0
        others = np.flatnonzero(pairs.comparable[place])
        halves[place, others] = half_widths(critical(largest, level), rows[place, others])
    same = alike(rows) & (rows.mean(axis=(2, 3)) == 0)
    halves[pairs.comparable & same] = 0.0  # methods that always agree
    return p_values, halves


def _constrained(
    ahead: PerPair,
    halves: PerPair,
    comparable: Bool[np.ndarray, "methods methods"],
    possible: Bool[np.ndarray, " methods"],
) -> tuple[PerMethod, PerMethod]:
    """Hsu's ends: how far each method may be behind, and ahead of, the best of the others."""
    methods = len(ahead)
    lows, highs = np.zeros(methods), np.zeros(methods)
    for place in range(methods):
        others = comparable[place]
        if not others.any():
            lows[place] = highs[place] = np.nan
            continue
        if possible[place]:
            highs[place] = max(0.0, (ahead[place] + halves[place])[others].min())
        if (others & possible).any():
            lows[place] = min(0.0, (ahead[place] - halves[:, place])[others & possible].min())
    unbounded = ~np.isfinite(lows) | ~np.isfinite(highs)
    lows[unbounded] = highs[unbounded] = np.nan
    return lows, highs


def _null(pairs: Pairs, seed: int, draws: int) -> Float[np.ndarray, "draws rivals"]:
    """Normal scores, if no methods differed, of the leads of all others over the first."""
    rows = judged(pairs.parts)
    # what all parts share cancels
    null = CrossedNull(rows - rows.mean(axis=0), seed, draws)
    return null.scores(pairs.weights[1:, 0])
