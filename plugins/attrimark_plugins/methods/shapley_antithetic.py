"""Shapley values from orders and their reverses (Mitchell, Cooper, Frank & Holmes, JMLR 2022, arXiv 2104.12199)."""

from __future__ import annotations

import numpy as np
from attrimark_registry import Exploration, Scores

from .shared.budgeted_shapley import BudgetedShapley
from .shared.orders import gains_along


class ShapleyAntithetic(BudgetedShapley):
    """A feature's gain averaged over random orders, each taken forwards and backwards.

    What comes early in an order comes late in its reverse, so where gains grow or shrink with what is there
    already, the two err in opposite directions. The budget pays for ⌊(budget − 2) / (2n − 2)⌋ such pairs of
    orders if no subset comes up twice. A budget of ¾ · 2ⁿ takes every subset, and is exact.
    """

    name = "shapley-antithetic"
    version = "2"

    def estimate(self, features: int, pairs: int, rng: np.random.Generator) -> Exploration:
        number = pairs // max(1, features - 1)
        orders = np.stack([rng.permutation(features) for _ in range(number)])
        gains = yield from gains_along(np.concatenate([orders, orders[:, ::-1]]))
        gains = (gains[:number] + gains[number:]) / 2
        if number == 1:
            return Scores(gains[0])
        error = gains.std(axis=0, ddof=1) / np.sqrt(number)  # the two orders of a pair are not independent
        return Scores(gains.mean(axis=0), {"standard_error": error})
