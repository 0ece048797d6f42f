"""Shapley values from their definition, order by order: slow, and easy to believe."""

from collections.abc import Callable
from itertools import permutations

import numpy as np


def shapley_over_orders(value: Callable[[np.ndarray], np.ndarray], features: int) -> np.ndarray:
    """A feature's gain when it comes in, averaged over all orders: n! · n evaluations."""
    gains = [gains_along(value, order) for order in permutations(range(features))]
    return np.mean(gains, axis=0)


def gains_along(value: Callable[[np.ndarray], np.ndarray], order: tuple[int, ...]) -> np.ndarray:
    """What each feature adds to those before it in one order."""
    keep = np.zeros((1, len(order)), dtype=bool)
    gains = np.zeros(len(order))
    for feature in order:
        before = value(keep)[0]
        keep[0, feature] = True
        gains[feature] = value(keep)[0] - before
    return gains
