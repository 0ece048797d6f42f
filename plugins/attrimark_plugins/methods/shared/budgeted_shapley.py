"""Shapley values at a budget: exact where it pays for every subset, an estimate where it does not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from attrimark_registry import Exploration, Feature, SubsetMethod
from pydantic import Field

from .coalition_pairs import affordable, takes_all
from .coalition_regression import every_pair, regress


class BudgetedShapley(SubsetMethod, ABC):
    """Shapley values with their standard error, from a given number of evaluations.

    Options:
        budget: at most so many evaluations, all features and none among them; at least 2n for n features. Where it
            pays for three quarters of the 2ⁿ subsets, every subset is taken: the one case in which it is exceeded.
    """

    additive = True
    complete = True
    stochastic = True

    budget: int = Field(256, ge=2)

    def explore(self, features: Sequence[Feature], rng: np.random.Generator) -> Exploration:
        """The scores; diagnostic: their standard error, where it can be told.

        Raises:
            Unsupported: a budget below 2n.
        """
        count = len(features)
        pairs = affordable(self.budget, count)
        if takes_all(self.budget, count):
            return (yield from regress(every_pair(count)))
        return (yield from self.estimate(count, pairs, rng))

    @abstractmethod
    def estimate(self, features: int, pairs: int, rng: np.random.Generator) -> Exploration:
        """From at most so many pairs of a subset and its complement, beside all features and none."""
