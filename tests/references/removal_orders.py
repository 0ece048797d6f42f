"""AOPC and its bounds by trying every order of removal: slow, and easy to believe."""

from collections.abc import Callable, Sequence
from itertools import permutations

import numpy as np


def aopc_along(value: Callable[[np.ndarray], np.ndarray], order: Sequence[int]) -> float:
    """v(all) − v(what is left), averaged over the removal of the first one, two, … all features of the order."""
    keep = np.ones((1, len(order)), dtype=bool)
    full = value(keep)[0]
    losses = []
    for feature in order:
        keep[0, feature] = False
        losses.append(full - value(keep)[0])
    return float(np.mean(losses))


def aopc_bounds(value: Callable[[np.ndarray], np.ndarray], features: int) -> tuple[float, float]:
    """The least and the greatest AOPC of all orders."""
    all_of_them = [aopc_along(value, order) for order in permutations(range(features))]
    return min(all_of_them), max(all_of_them)
