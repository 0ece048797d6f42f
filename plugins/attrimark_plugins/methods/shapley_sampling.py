"""Shapley values by sampling orders (Castro, Gómez & Tejada, 2009; Štrumbelj & Kononenko, JMLR 2010)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Exploration, Feature, Scores, SubsetMethod
from pydantic import Field


class ShapleySampling(SubsetMethod):
    """A feature's gain averaged over random orders in which features come in, starting from none.

    The gains along one order telescope, so scores sum to v(all) − v(none) for any number of orders. At most
    permutations · (n − 1) + 2 evaluations. The error falls with the root of the number of orders;
    `standard_error` (one a feature) says how large it is.
    """

    name = "shapley-sampling"
    additive = True
    complete = True
    stochastic = True

    permutations: int = Field(25, ge=1)

    def explore(self, features: Sequence[Feature], rng: np.random.Generator) -> Exploration:
        count = len(features)
        orders = np.stack([rng.permutation(count) for _ in range(self.permutations)])
        places = orders.argsort(axis=1)
        # the subsets along an order keep what comes first in it: 0, 1, … n features; eight features a byte
        steps = np.arange(count + 1)[:, None]
        packed = np.concatenate([np.packbits(place < steps, axis=1) for place in places])
        distinct, where = np.unique(packed, axis=0, return_inverse=True)
        values = yield np.unpackbits(distinct, axis=1, count=count).astype(bool)
        along = values.astype(np.float64)[where.reshape(self.permutations, count + 1)]
        gains = np.take_along_axis(np.diff(along, axis=1), places, axis=1)
        if self.permutations == 1:
            return Scores(gains[0])
        error = gains.std(axis=0, ddof=1) / np.sqrt(self.permutations)
        return Scores(gains.mean(axis=0), {"standard_error": error})
