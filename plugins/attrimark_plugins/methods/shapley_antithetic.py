"""Shapley values from orders and their reverses (Mitchell, Cooper, Frank & Holmes, JMLR 2022, arXiv 2104.12199)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Exploration, Feature, Scores, SubsetMethod
from pydantic import Field

from .coalition_pairs import affordable
from .coalition_regression import every_pair, regress
from .orders import gains_along


class ShapleyAntithetic(SubsetMethod):
    """A feature's gain averaged over random orders, each taken forwards and backwards.

    What comes early in an order comes late in its reverse, so where gains grow or shrink with what is there
    already, the two err in opposite directions. The budget pays for ⌊(budget − 2) / (2n − 2)⌋ such pairs of
    orders if no subset comes up twice. A budget of 2ⁿ takes every subset, and is exact.

    Options:
        budget: at most so many evaluations, all features and none among them; at least 2n for n features.
    """

    name = "shapley-antithetic"
    additive = True
    complete = True
    stochastic = True

    budget: int = Field(256, ge=2)

    def explore(self, features: Sequence[Feature], rng: np.random.Generator) -> Exploration:
        """Shapley values, with their standard error where there are two pairs of orders or more.

        Raises:
            Unsupported: a budget below 2n.
        """
        count = len(features)
        pairs = affordable(self.budget, count) // max(1, count - 1)
        if self.budget >= 2**count:
            return (yield from regress(every_pair(count)))
        orders = np.stack([rng.permutation(count) for _ in range(pairs)])
        gains = yield from gains_along(np.concatenate([orders, orders[:, ::-1]]))
        gains = (gains[:pairs] + gains[pairs:]) / 2
        if pairs == 1:
            return Scores(gains[0])
        error = gains.std(axis=0, ddof=1) / np.sqrt(pairs)  # the two orders of a pair are not independent
        return Scores(gains.mean(axis=0), {"standard_error": error})
