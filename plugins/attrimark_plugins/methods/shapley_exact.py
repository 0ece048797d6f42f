"""Exact Shapley values (Shapley, 1953), by evaluating every subset of a short text."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from attrimark_registry import Exploration, Feature, SubsetMethod, Unsupported

MOST_FEATURES = 12  # 4,096 subsets


class ShapleyExact(SubsetMethod):
    """A feature's gain averaged over all orders in which features can come in.

    φᵢ = Σ_S |S|! (n − |S| − 1)! / n! · (v(S ∪ i) − v(S)) over the subsets S without i; 2ⁿ evaluations.
    """

    name = "shapley-exact"
    additive = True
    complete = True

    def explore(self, features: Sequence[Feature], rng: np.random.Generator) -> Exploration:
        """Exact Shapley values.

        Raises:
            Unsupported: more than 12 features.
        """
        count = len(features)
        if count > MOST_FEATURES:
            raise Unsupported(
                f"exact Shapley values of {count} features need 2^{count} subsets, and 2^{MOST_FEATURES} is "
                "the limit: use shapley-sampling, or a coarser granularity"
            )
        subsets = np.arange(2**count)  # a subset is the number whose bits say what it keeps
        keep = (subsets[:, None] >> np.arange(count) & 1).astype(bool)
        values = yield keep
        values = values.astype(np.float64)
        weight = np.array([1 / (count * comb(count - 1, size)) for size in range(count)])
        scores = np.empty(count)
        for feature in range(count):
            without = subsets[~keep[:, feature]]
            gains = values[without | 1 << feature] - values[without]
            scores[feature] = weight[keep[without].sum(axis=1)] @ gains
        return scores
