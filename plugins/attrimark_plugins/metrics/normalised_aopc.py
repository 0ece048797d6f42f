"""Normalised AOPC (Edin et al., arXiv 2408.08137): where does a ranking stand between the worst and the best one?"""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrimark_registry import Attribution, Exploration, Scores, SubsetMetric
from attrimark_registry.ranking import selections
from pydantic import Field

from .shared.exact_bounds import all_subsets, beam_bounds, exact_bounds, places

FLAT = 1e-9  # a range of AOPC below this is rounding


class NormalisedAopc(SubsetMetric):
    """(AOPC − worst) / (best − worst) over all orders of the text's features: 1 is the best order, 0 the worst.

    AOPC is the mean of p(ŷ|X) − p(ŷ|X∖top k) over k = 1 … n. Its bounds belong to the model and the text, so only
    what is normalised by them can be compared between models. They are exact where there are at most `most_exact`
    features, by dynamic programming over all 2ⁿ subsets; above, a beam search finds inner bounds, and what lies
    beyond them counts as on them. Where no order differs from another the value is 1/2.

    The diagnostics `reached`, `worst` and `best` are the AOPC and its bounds, of which tables make a ratio of means;
    `exact` is 1 where the bounds are.

    Options:
        most_exact: 12 features are 4,096 subsets a text and operator, a minute and a half of two cores for a causal
            model of 135 M parameters; every feature more takes twice as long.
        direction: "sufficiency" keeps the top k where "comprehensiveness" removes them, which turns the order of
            removal and the sign: again 1 is the best order. What it reached is the AOPC of the turned order, and low.
        beam: subsets that the search goes on with at each length.
    """

    name = "normalised-aopc"

    direction: Literal["comprehensiveness", "sufficiency"] = "comprehensiveness"
    most_exact: int = Field(12, ge=1, le=14)
    beam: int = Field(5, ge=1)

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        count = len(attribution.features)
        exact = count <= self.most_exact
        first = attribution.scores if self.direction == "comprehensiveness" else -attribution.scores
        most = 2**count if exact else 64  # where every subset is known anyway, ties are counted out and not sampled
        removed = [selections(first, k, rng, most) for k in range(1, count + 1)]
        left = np.concatenate([~keep for keep, _ in removed])
        weights = np.concatenate([weights for _, weights in removed])
        if exact:
            values = yield all_subsets(count)
            full, remainder = values[-1], weights @ values[places(left)]
            least, greatest = exact_bounds(values)
        else:
            values = yield np.concatenate([np.ones((1, count), dtype=bool), left])
            full, remainder = values[0], weights @ values[1:]
            least, greatest = yield from beam_bounds(count, self.beam)
        aopc, lower, upper = (float(full - each / count) for each in (remainder, greatest, least))
        reached = min(upper, max(lower, aopc))
        share = (reached - lower) / (upper - lower) if upper - lower > FLAT else 0.5
        turned = self.direction == "sufficiency"
        worst, best = (upper, lower) if turned else (lower, upper)
        told = {"reached": reached, "worst": worst, "best": best, "exact": float(exact)}
        return Scores(1 - share if turned else share, told)
