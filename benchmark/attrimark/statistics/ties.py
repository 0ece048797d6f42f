"""Values that are the same but for rounding.

A network computes in float32, and how its rows are batched, how many threads there are and on what machine moves a
value by some 1e-5 of its size, on large networks by 1e-4. Such a difference often has the same sign on every text, and
any test would take it for real. So methods are compared on values of which those that lie so near are the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
from jaxtyping import Float

RESOLUTION = 1e-4  # of the mean size of the values

Key = TypeVar("Key", bound=Hashable)


def resolved(values: Mapping[Key, Float[np.ndarray, "*places"]]) -> dict[Key, Float[np.ndarray, "*places"]]:
    """What is compared, place by place: values nearer to each other than networks compute are the same there."""
    if not values:
        return {}
    table = np.stack(list(values.values())).astype(np.float64)
    sizes = np.abs(table[np.isfinite(table)])
    rounding = RESOLUTION * float(sizes.mean()) if sizes.size else 0.0
    return dict(zip(values, tied(table, rounding), strict=True))


def difference(one: Float[np.ndarray, "*places"], other: Float[np.ndarray, "*places"]) -> Float[np.ndarray, "*places"]:
    """The first minus the second: 0 where they are nearer to each other than networks compute."""
    known = np.isfinite(one) & np.isfinite(other)
    minus = np.asarray(one - other)
    rounding = RESOLUTION * float((abs(one[known]) + abs(other[known])).mean() / 2) if known.any() else 0.0
    return np.where(abs(minus) <= rounding, 0.0, minus)


def tied(values: Float[np.ndarray, "levels *places"], rounding: float) -> Float[np.ndarray, "levels *places"]:
    """The values, of which those that follow each other by no more than `rounding` are the lowest of them.

    Each place has its own; what is not a number stays so.
    """
    order = np.argsort(values, axis=0, kind="stable")
    ascending = np.take_along_axis(values, order, axis=0)
    anew = np.ones_like(ascending, dtype=bool)
    anew[1:] = ~(np.diff(ascending, axis=0) <= rounding)
    # where none is new, the last that was
    lowest = np.maximum.accumulate(np.where(anew, ascending, -np.inf), axis=0)
    same = np.empty_like(values)
    np.put_along_axis(same, order, lowest, axis=0)
    return np.where(np.isnan(values), np.nan, same)
