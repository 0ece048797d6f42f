"""Kernel SHAP (Lundberg & Lee, arXiv 1705.07874), paired and exactly constrained (Covert & Lee, arXiv 2012.01536)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from attrimark_registry import Exploration, Feature, SubsetMethod
from pydantic import Field

from .coalition_pairs import affordable, drawn
from .coalition_regression import Sample, every_pair, regress


class KernelShap(SubsetMethod):
    """Shapley values from a regression on subsets that are drawn as the Shapley kernel weighs them.

    Pairs of a subset and its complement are drawn with replacement, with probabilities in proportion to the
    kernel (n − 1) / (C(n, s) · s · (n − s)), and count as often as they come. A pair that comes again costs
    nothing, so drawing goes on until the budget is used. A budget of 2ⁿ takes every subset, and is exact.

    Options:
        budget: at most so many evaluations, all features and none among them; at least 2n for n features.
    """

    name = "kernel-shap"
    additive = True
    complete = True
    stochastic = True

    budget: int = Field(256, ge=2)

    def explore(self, features: Sequence[Feature], rng: np.random.Generator) -> Exploration:
        """Shapley values, with their standard error.

        Raises:
            Unsupported: a budget below 2n.
        """
        count = len(features)
        pairs = affordable(self.budget, count)
        sample = every_pair(count) if self.budget >= 2**count else by_kernel(count, pairs, rng)
        return (yield from regress(sample))


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
