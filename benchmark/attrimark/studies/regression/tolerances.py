"""How far a number may move before a build fails: one place for all that is compared."""

from __future__ import annotations

import numpy as np

# Shares of the recorded cost; what is not named here (subsets, forwards, backwards, tokens) is counted, and exact.
NEAR = {"flops": 0.001, "peak": 0.01}
ON_CUDA = {"peak": 0.02}  # an allocator's rounding
LIMITED_BY_MACHINE = ("peak",)  # bytes mean something on one class of machine only

EQUAL = 1e-5  # float32 differs by at most 1.5e-6 between attention kernels, batch sizes and numbers of threads
SMALLEST = 0.01  # a change of a metric's mean that matters
SMALLEST_SHARE = 0.05  # of the values' standard deviation over texts, where that is more


def tolerance_of(cost: str, machine: str) -> float:
    """The share by which a cost may rise; 0 for what is counted."""
    if cost in ON_CUDA and not machine.endswith(", cpu"):
        return ON_CUDA[cost]
    return NEAR.get(cost, 0.0)


def smallest_change(values: np.ndarray) -> float:
    """The smallest change of a mean that counts, given the values it was of."""
    return smallest_at(float(values.std(ddof=1)) if len(values) > 1 else 0.0)


def smallest_at(spread: float) -> float:
    """The smallest change of a mean that counts, given its values' standard deviation over texts."""
    return max(SMALLEST, SMALLEST_SHARE * spread)


def is_equal(one: np.ndarray, other: np.ndarray, share: float = 1.0) -> bool:
    """Whether all values are the same numbers, up to that share of what arithmetic leaves open."""
    if one.shape != other.shape:
        return False
    return bool(np.allclose(one, other, rtol=0, atol=EQUAL * share, equal_nan=True))
