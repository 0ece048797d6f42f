"""Kernel SHAP (Lundberg & Lee, arXiv 1705.07874), paired and exactly constrained (Covert & Lee, arXiv 2012.01536)."""

from __future__ import annotations

from collections import Counter

import numpy as np
from attrimark_registry import Exploration

from .shared.budgeted_shapley import BudgetedShapley
from .shared.coalition_pairs import drawn
from .shared.coalition_regression import Sample, regress


class KernelShap(BudgetedShapley):
    """Shapley values from a regression on subsets that are drawn as the Shapley kernel weighs them.

    Pairs of a subset and its complement are drawn with replacement, with probabilities in proportion to the
    kernel (n − 1) / (C(n, s) · s · (n − s)), and count as often as they come. A pair that comes again costs
    nothing, so drawing goes on until the budget is used. A budget of ¾ · 2ⁿ takes every subset, and is exact.
    """

    name = "kernel-shap"
    version = "2"

    def estimate(self, features: int, pairs: int, rng: np.random.Generator) -> Exploration:
        return regress(by_kernel(features, pairs, rng))


def by_kernel(features: int, number: int, rng: np.random.Generator) -> Sample:
    """Pairs drawn from the kernel until one more would be more than `number` different ones.

    A draw that leaves the solution open, which few pairs may do, is drawn again.
    """
    sizes = np.arange(1, features // 2 + 1)
    # the kernel, summed over the subsets of a size; a half is its own complement's size
    mass = np.where(2 * sizes == features, 0.5, 1.0) / (sizes * (features - sizes))
    while True:
        seen: Counter[bytes] = Counter()
        while len(seen) <= number:
            for keep in drawn(features, rng.choice(sizes, size=2 * number, p=mass / mass.sum()), rng):
                seen[keep.tobytes()] += 1
                if len(seen) > number:
                    break
        pairs = np.array([np.frombuffer(keep, dtype=bool) for keep in list(seen)[:number]])
        times = np.array(list(seen.values())[:number], dtype=np.float64)
        sample = Sample(pairs, times, 1 / times)
        if sample.determines:
            return sample
