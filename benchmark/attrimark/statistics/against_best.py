"""Multiple comparisons with the best: how far each method is from the best of the others.

Which method is the best is itself uncertain, so the leader may not be treated as if it had been chosen beforehand. Each
method is tested in turn as if it were truly the best: then it is not clearly behind any other (one-sided max-T). Only
one of these tests concerns the method that truly is the best, so that their number costs nothing (Hsu, The Annals of
Statistics, 1984; *Multiple Comparisons*, 1996, ch. 4). A bad method more is one comparison more for each of the others,
and never one among them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from .crossed_null import CrossedNull, adjusted, critical, half_widths, observed_scores
from .intervals import NO_INTERVAL, NO_SPREAD, Estimate, alike, complete, judged, speaks_for
from .simultaneous import Compared, direction_of

DRAWS = 4000  # of every pair of methods

PerMethod = Float[np.ndarray, " methods"]


def against_best(
    values: Mapping[str, Float[np.ndarray, "seeds texts"]],
    rng: np.random.Generator,
    level: float = 0.95,
    higher_is_better: bool = True,
    draws: int = DRAWS,
) -> dict[str, Compared]:
    """Each method's mean minus that of the best other one, with Hsu's constrained intervals, which hold together.

    An interval has 0 inside, and the method may be the best; or 0 is its better end, and the method is not the best; or
    0 is its worse end, and the method is the best. `direction` is the sign of the difference, so that "below" is told
    of a method that is not the best where higher is better, and "above" where lower is. `p` is that of being told so.

    All are measured on the same seeds and texts, under the same removal operators; a text that misses any value is left
    out of all. Fewer than 5 seeds speak for texts only. Two methods whose difference is the same everywhere are told
    apart by the sign test over texts; where that cannot, what depends on them has no interval.
    """
    if not values:
        return {}
    grids = complete(np.stack(list(values.values())) * (1 if higher_is_better else -1))
    methods, seeds, texts = grids.shape
    if methods > 1 and texts > 1:
        leads, p_values, lows, highs = _with_the_best(grids, rng, level, draws)
    else:
        leads = _leads(grids.mean(axis=(1, 2))) if methods > 1 and texts else np.full(methods, np.nan)
        p_values = lows = highs = np.full(methods, np.nan)
    if not higher_is_better:
        leads, lows, highs = 0 - leads, 0 - highs, 0 - lows  # an end at 0 stays 0, not −0
    compared = {}
    for name, lead, low, high, p in zip(
        values, *(each.tolist() for each in (leads, lows, highs, p_values)), strict=True
    ):
        method = NO_INTERVAL if np.isnan(p) else NO_SPREAD if np.isnan(low) else speaks_for(seeds)
        estimate = Estimate(lead, low, high, level, seeds, texts, method)
        compared[name] = Compared(estimate, p, direction_of(estimate, p))
    return compared


def _with_the_best(
    grids: Float[np.ndarray, "methods seeds texts"], rng: np.random.Generator, level: float, draws: int
) -> tuple[PerMethod, PerMethod, PerMethod, PerMethod]:
    """Leads over the best other method (higher is better), p-values of what is told of them, ends of intervals."""
    methods = len(grids)
    pairs = judged(grids[:, None] - grids[None])
    ahead, null = pairs.mean(axis=(2, 3)), _pairs_null(judged(grids), rng, draws)
    not_best, halves = np.ones(methods), np.zeros((methods, methods))
    for place in range(methods):
        others = np.arange(methods) != place
        largest = null[:, place, others].max(axis=1)
        not_best[place] = adjusted(float(-observed_scores(pairs[place, others]).min()), largest)
        halves[place, others] = half_widths(critical(largest, level), pairs[place, others])
    halves[alike(pairs) & (ahead == 0)] = 0.0  # methods that always agree

    leads, leader = _leads(grids.mean(axis=(1, 2))), int(grids.mean(axis=(1, 2)).argmax())
    possible = not_best > 1 - level  # the methods that may be the best
    lows, highs = np.zeros(methods), np.zeros(methods)
    for place in range(methods):
        rivals = np.arange(methods) != place
        if possible[place]:
            highs[place] = max(0.0, (ahead[place] + halves[place])[rivals].min())
        if (rivals & possible).any():
            lows[place] = min(0.0, (ahead[place] - halves[:, place])[rivals & possible].min())
    unbounded = ~np.isfinite(lows) | ~np.isfinite(highs)
    lows[unbounded] = highs[unbounded] = np.nan
    # the leader is the best as surely as the nearest of the others is not
    p_values = np.where(np.arange(methods) == leader, np.delete(not_best, leader).max(), not_best)
    return leads, p_values, lows, highs


def _leads(means: PerMethod) -> PerMethod:
    """Each mean minus the largest of the others."""
    return np.array([mean - np.delete(means, place).max() for place, mean in enumerate(means)])


def _pairs_null(
    grids: Float[np.ndarray, "methods rows texts"], rng: np.random.Generator, draws: int
) -> Float[np.ndarray, "draws methods methods"]:
    """Normal scores, if no methods differed, of the second method's lead over the first."""
    methods = len(grids)
    first, second = np.triu_indices(methods, 1)
    contrasts = np.eye(methods)[second] - np.eye(methods)[first]
    # what all methods share cancels
    scores = CrossedNull(grids - grids.mean(axis=0), rng, draws).scores(contrasts)
    null = np.zeros((draws, methods, methods))
    null[:, first, second], null[:, second, first] = scores, -scores
    return null
