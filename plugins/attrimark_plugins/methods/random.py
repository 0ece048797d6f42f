"""Scores drawn at random: the yardstick that every method is held against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Exploration, Feature, SubsetMethod


class Random(SubsetMethod):
    """Independent standard normal scores, at no evaluations.

    A metric that cannot tell a method from this one says nothing; away from the training domain random scores
    can look good (Chrysostomou & Aletras, arXiv 2203.00056).
    """

    name = "random"
    stochastic = True

    def explore(self, features: Sequence[Feature], rng: np.random.Generator) -> Exploration:
        yield from ()  # a generator that asks for no subset
        return rng.standard_normal(len(features))
