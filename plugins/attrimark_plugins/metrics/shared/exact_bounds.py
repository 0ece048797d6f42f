"""The least and the greatest that an order of removal can leave: exactly, or by beam search (Edin et al., 2408.08137).

An order's remainder is the sum of the values that are left as features go one by one: after the first, …, after the
last. The full text is not in it.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from attrimark_registry import Keep, Values
from jaxtyping import Bool, Float, Int


def all_subsets(features: int) -> Keep:
    """Every subset; row i keeps the features whose bits are set in i."""
    return (np.arange(2**features)[:, None] >> np.arange(features) & 1).astype(bool)


def places(keep: Keep) -> Int[np.ndarray, " subsets"]:
    """The rows of `all_subsets` in which these subsets stand."""
    return keep @ (1 << np.arange(keep.shape[1]))


def exact_bounds(values: Values) -> tuple[float, float]:
    """The least and the greatest remainder over all n! orders, from the values of `all_subsets`.

    By dynamic programming: the best way down from a subset goes on the best way from one of those just below.
    """
    subsets = np.arange(len(values))
    bits = 1 << np.arange(len(values).bit_length() - 1)
    sizes = (subsets[:, None] & bits > 0).sum(axis=1)
    least, greatest = values.copy(), values.copy()
    for size in range(1, len(bits) + 1):
        level = subsets[sizes == size]
        kept = level[:, None] & bits > 0
        below = level[:, None] ^ bits
        least[level] += np.where(kept, least[below], np.inf).min(axis=1)
        greatest[level] += np.where(kept, greatest[below], -np.inf).max(axis=1)
    return float(least[-1] - values[-1]), float(greatest[-1] - values[-1])


def beam_bounds(features: int, width: int) -> Generator[Keep, Values, tuple[float, float]]:
    """The least and the greatest remainder that beams of `width` subsets find; the exact ones lie outside."""
    beams = [(np.ones((1, features), dtype=bool), np.zeros(1)) for _ in range(2)]
    for _ in range(features):
        grown = [_below(keep, totals) for keep, totals in beams]
        values = yield np.concatenate([keep for keep, _ in grown])
        least, greatest = np.split(values, [len(grown[0][0])])
        beams = []
        # the greatest sum is the least of what has its sign turned
        for (keep, totals), found in zip(grown, (least, -greatest), strict=True):
            best = np.argsort(totals + found, kind="stable")[:width]
            beams.append((keep[best], (totals + found)[best]))
    (_, least), (_, turned) = beams
    return float(least[0]), -float(turned[0])


def _below(keep: Keep, totals: Values) -> tuple[Bool[np.ndarray, "below features"], Float[np.ndarray, " below"]]:
    """The subsets with a feature less, each once, with the least total of those that lead there."""
    rows, features = np.nonzero(keep)
    fewer = keep[rows]
    fewer[np.arange(len(rows)), features] = False
    distinct, where = np.unique(fewer, axis=0, return_inverse=True)
    least = np.full(len(distinct), np.inf)
    np.minimum.at(least, where.reshape(-1), totals[rows])
    return distinct, least
