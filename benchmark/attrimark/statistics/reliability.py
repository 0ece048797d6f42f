"""Would other texts order the methods in the same way?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

SPLITS = 200
FEWEST_METHODS, FEWEST_TEXTS = 3, 4


def split_half(values: Float[np.ndarray, "methods texts"], seed: int = 0) -> float | None:
    """How well the means over some texts agree with those over as many others: 1 fully, 0 not at all.

    The correlation over methods of the means over one half of the texts with those over the other, averaged over random
    halves and stepped up to all texts (Spearman 1910; Brown 1910). None with too few methods or texts, or without any
    difference between methods.
    """
    methods, texts = values.shape
    if methods < FEWEST_METHODS or texts < FEWEST_TEXTS:
        return None
    rng, half = np.random.default_rng(seed), texts // 2
    found = []
    for _ in range(SPLITS):
        order = rng.permutation(texts)
        halves = values[:, order[:half]].mean(axis=1), values[:, order[half : 2 * half]].mean(axis=1)
        if min(map(np.ptp, halves)) > 0:
            found.append(np.corrcoef(*halves)[0, 1])
    correlation = float(np.mean(found)) if found else 0.0
    return 2 * correlation / (1 + correlation) if correlation > 0 else 0.0 if found else None


def rank_correlation(one: Float[np.ndarray, " methods"], other: Float[np.ndarray, " methods"]) -> float | None:
    """Spearman's, of two metrics over the same methods; None with too few, or where one does not differ."""
    if len(one) < FEWEST_METHODS or min(np.ptp(one), np.ptp(other)) == 0:
        return None
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
