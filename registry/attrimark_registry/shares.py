"""How an explanation distributes what it attributes over the features, whatever their signs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def shares(scores: Float[np.ndarray, " features"]) -> Float[np.ndarray, " features"]:
    """Each feature's part of all that is attributed, |φ_i| / Σ|φ|, in float64: they sum to 1.

    Scores that are all 0 prefer no feature: they get equal shares.
    """
    sizes = np.abs(scores).astype(np.float64)
    largest = sizes.max(initial=0.0)
    if largest == 0:
        return np.full(len(sizes), 1 / max(len(sizes), 1))
    sizes /= largest  # neither the smallest nor the largest numbers there are leave their range in the sum
    return sizes / sizes.sum()
