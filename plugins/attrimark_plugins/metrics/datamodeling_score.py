"""Linear datamodeling score (Park et al., arXiv 2303.14186; of a context: Cohen-Wang et al., arXiv 2409.00729)."""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, Keep, SubsetMetric
from jaxtyping import Float
from pydantic import Field
from scipy.stats import rankdata

from .shared.exact_bounds import all_subsets


class DatamodelingScore(SubsetMetric):
    """How well sums of scores foretell values: Spearman's ρ of Σ_{i∈S} φᵢ and v(S) over random subsets S.

    Each feature is kept with probability one half; v is the log-odds of the target. The subsets are the metric's own,
    no two alike, the same for all methods and drawn independently of theirs: of a short text a method may have asked
    for some of them. Where there are no more than `subsets` in all, all of them are taken. Nothing is foretold, ρ = 0,
    where the sums or the values are all equal, as those of scores that are all 0 are; equal scores of another size
    foretell that what is longer is surer.

    Options:
        subsets: how many are drawn.
    """

    name = "datamodeling-score"
    version = "2"
    reading = "log-odds"
    stochastic = True
    bounds = (-1.0, 1.0)
    unit = "ρ"

    subsets: int = Field(32, ge=2)

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        count = len(attribution.features)
        keep = all_subsets(count) if 2**count <= self.subsets else distinct(self.subsets, count, rng)
        values = yield keep
        scores = attribution.scores.astype(np.float64)
        # equal sums must tie, in whatever order they were added up
        sums = np.round(keep @ scores / max(np.abs(scores).max(), np.finfo(np.float64).tiny), 9)
        return spearman(sums, values)


def distinct(number: int, features: int, rng: np.random.Generator) -> Keep:
    """So many different subsets; all selections of them are equally likely."""
    found: dict[bytes, np.ndarray] = {}
    while len(found) < number:
        for keep in rng.random((number - len(found), features)) < 0.5:
            found.setdefault(keep.tobytes(), keep)
    return np.array(list(found.values()))


def spearman(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> float:
    """The correlation of ranks, ties at their mean rank; 0 where either is constant."""
    ranks = np.stack([rankdata(one), rankdata(other)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    spread = np.sqrt((ranks**2).sum(axis=1).prod())
    return float(ranks[0] @ ranks[1] / spread) if spread else 0.0
