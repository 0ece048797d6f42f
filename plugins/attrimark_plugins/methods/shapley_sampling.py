"""Shapley values by sampling orders (Castro, Gómez & Tejada, 2009; Štrumbelj & Kononenko, JMLR 2010)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Exploration, Feature, Scores, SubsetMethod
from pydantic import Field

from .shared.orders import gains_along


class ShapleySampling(SubsetMethod):
    """A feature's gain averaged over random orders in which features come in, starting from none.

    The gains along one order telescope, so scores sum to v(all) − v(none) for any number of orders. At most
    permutations · (n − 1) + 2 evaluations, which is the budget that other estimators get for the same price. The error
    falls with the root of the number of orders; `standard_error` (one a feature) says how large it is.
    """

    name = "shapley-sampling"
    additive = True
    complete = True
    stochastic = True

    permutations: int = Field(25, ge=1)

    def explore(self, features: Sequence[Feature], rng: np.random.Generator) -> Exploration:
        orders = np.stack([rng.permutation(len(features)) for _ in range(self.permutations)])
        gains = yield from gains_along(orders)
        if self.permutations == 1:
            return Scores(gains[0])
        error = gains.std(axis=0, ddof=1) / np.sqrt(self.permutations)
        return Scores(gains.mean(axis=0), {"standard_error": error})
