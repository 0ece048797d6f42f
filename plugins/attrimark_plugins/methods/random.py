"""Scores drawn at random: the control that every method is compared with, which tables call `chance`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Exploration, Feature, SubsetMethod


class Random(SubsetMethod):
    """Independent standard normal scores, at no evaluations.

    Metrics judge them in several orders, so that tables show an expectation and not the luck of one ranking. A metric
    by which no method beats this one says nothing; away from the training domain random scores can look good
    (Chrysostomou & Aletras, arXiv 2203.00056).
    """

    name = "random"
    version = "2"  # several orders
    stochastic = True

    def explore(self, features: Sequence[Feature], rng: np.random.Generator) -> Exploration:
        yield from ()  # a generator that asks for no subset
        return rng.standard_normal(len(features))
