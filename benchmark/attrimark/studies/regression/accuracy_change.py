"""Whether a model's accuracy fell: text by text, by the exact sign test of what it decides otherwise.

Of a pair of binary outcomes this is McNemar's exact test; with several seeds a text counts once, by the sign of its
mean. It needs no number of texts, and says of a model that broke what a test of means leaves open.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest

COLLAPSE = 0.1  # of accuracy: seeds of one recipe are closer than that, and no model that fell so far may pass


def is_accuracy(metric: str, method: str | None) -> bool:
    """Whether a metric, as tables show it, is the accuracy of a model alone."""
    return method is None and metric.partition("(")[0] == "accuracy"


def fall_p_value(drops: Float[np.ndarray, "seeds texts"]) -> float:
    """One-sided: how likely so many texts are decided worse, among those that are decided otherwise, by chance."""
    whole = drops[:, np.isfinite(drops).all(axis=0)]
    means = whole.mean(axis=0)
    worse, otherwise = int((means > 0).sum()), int((means != 0).sum())
    return float(binomtest(worse, otherwise, alternative="greater").pvalue) if otherwise else 1.0
