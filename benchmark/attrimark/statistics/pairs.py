"""Differences between every two methods, each on what both were measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .intervals import complete


@dataclass(frozen=True, eq=False)
class Pairs:
    """Leads of the first method over the second: positive where it is the better one.

    Attributes:
        leads: on every seed and text; 0 for two that have nothing in common.
        comparable: which two have anything in common.
        ahead: whether the first leads on average on all that they have in common (under every family of operators).
        parts: what the leads are weighted sums of, by `weights`; only their covariances are used.
    """

    names: tuple[str, ...]
    leads: Float[np.ndarray, "methods methods seeds texts"]
    comparable: Bool[np.ndarray, "methods methods"]
    ahead: Bool[np.ndarray, "methods methods"]
    parts: Float[np.ndarray, "parts seeds texts"]
    weights: Float[np.ndarray, "methods methods parts"]

    @property
    def above(self) -> dict[str, tuple[str, ...]]:
        """By method, those that lead it on all that they have in common."""
        return {
            name: tuple(other for other, leads in zip(self.names, self.ahead[:, place], strict=True) if leads)
            for place, name in enumerate(self.names)
        }

    def of(self, methods: Sequence[int]) -> Pairs:
        """Those of some of the methods alone."""
        both = np.ix_(methods, methods)
        weights = self.weights[both]
        used = weights.any(axis=(0, 1))
        names = tuple(self.names[each] for each in methods)
        chosen = self.leads[both], self.comparable[both], self.ahead[both]
        return Pairs(names, *chosen, self.parts[used], weights[:, :, used])


def all_pairs(values: Mapping[str, Float[np.ndarray, "seeds texts"]], higher_is_better: bool = True) -> Pairs:
    """Of methods that were all measured on the same; a text that misses any value is left out of all."""
    grids = complete(np.stack(list(values.values())) * (1 if higher_is_better else -1))
    leads, one = grids[:, None] - grids[None], np.eye(len(grids))
    other = ~one.astype(bool)
    ahead = leads.mean(axis=(2, 3)) > 0 if grids.shape[-1] else np.zeros_like(other)
    return Pairs(tuple(values), leads, other, ahead, grids, one[:, None] - one[None])
