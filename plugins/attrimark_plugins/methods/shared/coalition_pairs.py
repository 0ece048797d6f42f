"""Pairs of a subset and its complement: all of them, or some drawn at random.

A pair is written as its smaller subset; of two halves, as the one that holds the first feature.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from attrimark_registry import Keep, Unsupported
from jaxtyping import Int


def takes_all(budget: int, features: int) -> bool:
    """Whether every subset is evaluated: the budget pays for three quarters of them, or more.

    So little is left out there that an estimate from the rest is biased, and its standard error too small.
    """
    return 4 * budget >= 3 * 2**features


def affordable(budget: int, features: int) -> int:
    """How many pairs a budget of evaluations pays for, beside all features and none.

    Raises:
        Unsupported: fewer than it takes to tell the features' scores apart.
    """
    if budget < 2 * features:
        raise Unsupported(f"{features} features need a budget of at least {2 * features} evaluations, not {budget}")
    return min((budget - 2) // 2, 2 ** (features - 1) - 1)


def pairs_of(features: int, size: int) -> Keep:
    """Every pair whose smaller subset has `size` features."""
    members = np.array(list(combinations(range(features), size)))
    keep = np.zeros((len(members), features), dtype=bool)
    np.put_along_axis(keep, members, True, axis=1)
    return keep[keep[:, 0]] if 2 * size == features else keep


def all_pairs(features: int) -> Keep:
    """Every pair, but for that of all features and none."""
    none = np.zeros((0, features), dtype=bool)
    return np.concatenate([none, *(pairs_of(features, size) for size in range(1, features // 2 + 1))])


def how_many(features: int, size: int) -> int:
    """The number of pairs whose smaller subset has `size` features, or 2⁶⁴ where there are more."""
    subsets = comb(features, size)
    return min(subsets // 2 if 2 * size == features else subsets, 2**64)  # no budget gets there, and floats do


def drawn(features: int, sizes: Int[np.ndarray, " pairs"], rng: np.random.Generator) -> Keep:
    """A random pair for each of the `sizes`; pairs of one size are equally likely."""
    places = rng.random((len(sizes), features)).argsort(axis=1).argsort(axis=1)
    keep = places < sizes[:, None]
    return keep ^ ((2 * sizes == features) & ~keep[:, 0])[:, None]


def drawn_once(features: int, size: int, number: int, rng: np.random.Generator) -> Keep:
    """A random selection of `number` different pairs of one size."""
    if number == how_many(features, size):
        return pairs_of(features, size)
    found: dict[bytes, np.ndarray] = {}
    while len(found) < number:
        for keep in drawn(features, np.full(number - len(found), size), rng):
            found.setdefault(keep.tobytes(), keep)
    return np.array(list(found.values()), dtype=bool).reshape(number, features)
