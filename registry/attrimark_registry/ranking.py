"""The top of a ranking, and how tied scores are shared out: for what keeps or removes the best features."""

from __future__ import annotations

from itertools import combinations
from math import ceil, comb

import numpy as np
from jaxtyping import Float

from .plugin import Keep

Weights = Float[np.ndarray, " subsets"]


def length(ratio: float, features: int) -> int:
    """The number of features in a rationale: max(1, ⌈ratio · features⌉)."""
    # a ratio such as 0.07 is a little more than it says in binary: of 100 features it is 7, not 8
    return max(1, ceil(round(ratio * features, 9)))


def selections(
    scores: Float[np.ndarray, " features"], k: int, rng: np.random.Generator, most: int = 64
) -> tuple[Keep, Weights]:
    """The top-k subsets that orders of the tied scores give, with their probabilities, which are equal.

    Features that tie with the k-th place compete for the places left. There are all of their subsets while
    these are at most `most`; above that, `most` different ones, drawn so that each tied feature is kept about
    equally often.
    """
    last = np.sort(scores)[-k]
    tied = np.flatnonzero(scores == last)
    certain = scores > last
    free = k - int(certain.sum())
    if comb(len(tied), free) <= most:
        chosen = [list(subset) for subset in combinations(range(len(tied)), free)]
    else:
        chosen = _even_sample(len(tied), free, most, rng)
    keep = np.tile(certain, (len(chosen), 1))
    for line, subset in zip(keep, chosen, strict=True):
        line[tied[subset]] = True
    return keep, np.full(len(chosen), 1 / len(chosen))


def _even_sample(count: int, size: int, most: int, rng: np.random.Generator) -> list[list[int]]:
    """Different subsets of `size` out of `count`, each made of the members that were drawn least so far."""
    drawn = np.zeros(count)
    found: dict[frozenset[int], None] = {}
    while len(found) < most:
        noise = 1.0  # breaks ties of whole numbers, and nothing else
        while (subset := frozenset(np.argsort(drawn + noise * rng.random(count))[:size].tolist())) in found:
            noise *= 2  # the least drawn were had already: let others in
        found[subset] = None
        drawn[list(subset)] += 1
    return [sorted(subset) for subset in found]
