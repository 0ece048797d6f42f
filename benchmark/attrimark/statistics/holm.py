"""Several p-values judged together (Holm, Scandinavian Journal of Statistics, 1979)."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values, in the order given: the i-th smallest of m is multiplied by m − i + 1, and kept in order.

    Rejecting those of at most α rejects any true hypothesis with probability α at most, however they depend.
    """
    adjusted, largest = [0.0] * len(p), 0.0
    for place, each in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        largest = max(largest, min(1.0, (len(p) - place) * p[each]))
        adjusted[each] = largest
    return tuple(adjusted)
