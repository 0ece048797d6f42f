"""Leverage SHAP (Musco & Witter, arXiv 2410.01917): Kernel SHAP on subsets that matter to the regression."""

from __future__ import annotations

import numpy as np
from attrimark_registry import Exploration

from .shared.budgeted_shapley import BudgetedShapley
from .shared.coalition_pairs import drawn_once, how_many
from .shared.coalition_regression import Sample, regress


class LeverageShap(BudgetedShapley):
    """Shapley values from a regression on subsets that are drawn by their leverage, none of them twice.

    A subset's leverage in the regression that defines Shapley values is 1/C(n, s): sizes are equally likely. A
    pair of a subset and its complement is there with probability min(1, c/C(n, s)), where c spends the budget,
    and its weight in the regression is the Shapley kernel over that probability. The paper draws how many pairs
    of a size there are from a binomial distribution, and c spends the budget on average; here that number is its
    expectation rounded up or down at random, with the same probabilities and never over the budget. A budget of
    ¾ · 2ⁿ takes every subset, and is exact.
    """

    name = "leverage-shap"
    version = "2"

    def estimate(self, features: int, pairs: int, rng: np.random.Generator) -> Exploration:
        return regress(by_leverage(features, pairs, rng))


def by_leverage(features: int, number: int, rng: np.random.Generator) -> Sample:
    """`number` different pairs, drawn by leverage, with the kernel's weights over their probabilities.

    A draw that leaves the solution open, which few pairs may do, is drawn again.
    """
    sizes = np.arange(1, features // 2 + 1)
    expected = expected_pairs(features, number)
    halves = np.where(2 * sizes == features, 0.5, 1.0)
    # the kernel 1/(C·s·(n − s)) over the probability expected/pairs, where there are C pairs, or C/2 of halves
    weights = halves / (sizes * (features - sizes) * expected)
    noise = 1 - expected / np.array([float(how_many(features, size)) for size in sizes.tolist()])
    while True:
        # one offset for all sizes: each gets its expectation rounded up or down, and the total is `number`
        upto = np.floor(np.round(np.cumsum(expected), 9) + rng.random()).astype(int)
        numbers = np.diff(upto, prepend=0)
        wanted = zip(sizes.tolist(), numbers.tolist(), strict=True)
        pairs = np.concatenate([drawn_once(features, size, many, rng) for size, many in wanted])
        sample = Sample(pairs, weights.repeat(numbers), noise.repeat(numbers), once=True)
        if sample.determines:
            return sample


def expected_pairs(features: int, number: int) -> np.ndarray:
    """How many pairs of each size 1 … n/2 leverage wants among `number`: as many of each, or all where there are fewer.

    Of halves, which make up one size and not two, it wants half as many.
    """
    there = [how_many(features, size) for size in range(1, features // 2 + 1)]
    share = [0.5 if 2 * size == features else 1.0 for size in range(1, features // 2 + 1)]
    expected = np.zeros(len(there))
    for place in range(len(there)):  # sizes in the order in which they run out
        each = (number - expected[:place].sum()) / sum(share[place:])
        expected[place:] = each * np.array(share[place:])
        if expected[place] <= there[place]:
            break
        expected[place] = there[place]
    return expected
