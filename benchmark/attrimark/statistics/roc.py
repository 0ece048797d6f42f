"""How well one number tells two classes of texts apart, with intervals for new texts.

Statistics are functions of weights, a row saying how often each text counts (see `bootstrap`). Larger numbers speak for
the first class. Ties count half.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from .bootstrap import FEWEST_TEXTS, UNDEFINED, bca, resamples
from .intervals import TEXTS_ONLY, Estimate

Numbers = Float[np.ndarray, " texts"]
Weights = Float[np.ndarray, "rows texts"]

FEW_TEXTS = f"no interval: fewer than {FEWEST_TEXTS} texts of a class"


def auc(
    first: Numbers,
    second: Float[np.ndarray, " others"],
    weights: tuple[Weights, Float[np.ndarray, "rows others"]] | None = None,
    among: Bool[np.ndarray, "texts others"] | None = None,
) -> Float[np.ndarray, " rows"]:
    """P(a text of the first class has the larger number than one of the second) + ½ P(equal), for each row of weights.

    Args:
        among: the pairs that are compared, such as those of like length; all by default. NaN where there are none.
    """
    wins = (first[:, None] > second) + 0.5 * (first[:, None] == second)
    compared = np.ones(wins.shape) if among is None else among.astype(np.float64)
    mine, theirs = weights or (np.ones((1, len(first))), np.ones((1, len(second))))
    won = ((mine @ (wins * compared)) * theirs).sum(1)
    counted = ((mine @ compared) * theirs).sum(1)
    return np.divide(won, counted, out=np.full(len(mine), np.nan), where=counted > 0)


def true_positive_rate(
    first: Numbers,
    second: Float[np.ndarray, " others"],
    false_positive_rate: float = 0.05,
    weights: tuple[Weights, Float[np.ndarray, "rows others"]] | None = None,
) -> Float[np.ndarray, " rows"]:
    """The largest share of the first class above a threshold that no more than this share of the second is above."""
    mine, theirs = weights or (np.ones((1, len(first))), np.ones((1, len(second))))
    thresholds = np.unique(np.concatenate([second, [-np.inf, np.inf]]))
    # the lowest threshold that few enough of the second class are above is the best one
    above = theirs @ (second[:, None] > thresholds)
    allowed = above <= false_positive_rate * theirs.sum(1, keepdims=True) + 1e-9
    best = thresholds[allowed.argmax(1)]
    return (mine * (first > best[:, None])).sum(1) / mine.sum(1)


def like_lengths(
    first: Numbers, second: Float[np.ndarray, " others"], apart: float = 0.1
) -> Bool[np.ndarray, "texts others"]:
    """The pairs whose lengths differ by no more than this share of the longer one."""
    return np.abs(first[:, None] - second) <= apart * np.maximum(first[:, None], second)


def best_trivial(
    detectors: Mapping[str, tuple[Numbers, Float[np.ndarray, " others"]]],
    weights: tuple[Weights, Float[np.ndarray, "rows others"]] | None = None,
    among: Bool[np.ndarray, "texts others"] | None = None,
) -> Float[np.ndarray, " rows"]:
    """The largest AUC of any of the detectors in either direction, chosen anew for each row of weights."""
    each = np.array([auc(*numbers, weights, among) for numbers in detectors.values()])
    return np.maximum(each, 1 - each).max(0)


def draws_of_texts(
    first: int, second: int, rng: np.random.Generator, *, paired: bool, draws: int = 1000
) -> tuple[tuple[Weights, Weights], tuple[int, ...]]:
    """Weights of both classes, and the sizes of what is drawn: whole pairs, or the texts of each class on their own."""
    if paired:
        (both,) = resamples(rng, draws, first)
        return (both, both), (first,)
    mine, theirs = resamples(rng, draws, first, second)
    return (mine, theirs), (first, second)


def estimate(values: Float[np.ndarray, " rows"], sizes: tuple[int, ...], level: float = 0.95) -> Estimate:
    """The first value, with the interval of the others for new texts."""
    texts = sum(sizes)
    if min(sizes) < FEWEST_TEXTS:
        return Estimate(float(values[0]), np.nan, np.nan, level, 1, texts, FEW_TEXTS)
    low, high = bca(values, sizes, level)
    return Estimate(float(values[0]), low, high, level, 1, texts, UNDEFINED if np.isnan(low) else TEXTS_ONLY)
