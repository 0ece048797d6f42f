"""How the explanations of one text vary over training seeds: what the metrics of a population share."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

Scale = Literal["raw", "min-max", "sum"]
Explanations = Float[np.ndarray, "seeds features"]
Weights = Float[np.ndarray, "draws seeds"]
PerDraw = Float[np.ndarray, " draws"]


def signal_and_noise(scores: Explanations, weights: Weights, scale: Scale, debiased: bool) -> tuple[PerDraw, PerDraw]:
    """The variance over words of the mean over seeds, and the mean over words of the variance over seeds.

    Both variances divide by the count. So with m seeds the noise is too small, by (m − 1)/m, and the signal too large,
    by noise/m · (words − 1)/words where the scores of the words do not depend on each other: the mean over seeds still
    moves with them. `debiased` takes that out, whatever the dependence, by looking at pairs of different seeds only:
    their mean covariance over words is the signal, which may fall below 0, and half their mean squared difference the
    noise. For the seeds as they are, that noise is the variance that divides by m − 1.

    One seed alone has no noise, and no debiased signal: NaN.

    Source: Bogaert & Standaert, "Does a Reduced Fine-Tuning Surface Impact the Stability of the Explanations of
    LLMs?", section 2.2.
    """
    scores = scaled(scores, scale)
    words = scores.shape[1]
    # taken from the first word before it is centred: equal words give zeros, not rounding errors
    against_first = scores - scores[:, :1]
    centred = against_first - against_first.mean(axis=1, keepdims=True)
    # a variance is half the mean squared difference of two draws: nothing cancels, and equal seeds give zero
    halves = cdist(scores, scores, "sqeuclidean") / (2 * words)
    if debiased:
        return mean_over_pairs(centred @ centred.T / words, weights), mean_over_pairs(halves, weights)
    seeds = weights.sum(axis=1)
    signal = ((weights @ centred / seeds[:, None]) ** 2).mean(axis=1)
    noise = _over_pairs(halves, weights) / seeds**2
    return signal, np.where(seeds > 1, noise, np.nan)


def scaled(scores: Explanations, scale: Scale) -> Explanations:
    """Each explanation on a scale of its own, since seeds may differ in nothing but the size of their scores.

    "min-max" runs from 0 to 1, and is 0.5 for all words of a constant explanation; "sum" divides by Σ|score|, and
    leaves an explanation of zeros as it is.
    """
    scores = scores.astype(np.float64)
    if scale == "raw":
        return scores
    if scale == "sum":
        size = np.abs(scores).sum(axis=1, keepdims=True)
        return np.divide(scores, size, out=np.zeros_like(scores), where=size > 0)
    above = scores - scores.min(axis=1, keepdims=True)
    span = above.max(axis=1, keepdims=True)
    return np.divide(above, span, out=np.full_like(scores, 0.5), where=span > 0)


def mean_over_pairs(compared: Float[np.ndarray, "seeds seeds"], weights: Weights) -> PerDraw:
    """The mean over pairs of different seeds of what comparing them gave, a pair counting as often as it was drawn.

    A seed drawn twice is not compared with itself. Pairs that have no value (NaN) are left out; NaN where none is left.
    """
    known = ~np.isnan(compared) & ~np.eye(len(compared), dtype=bool)
    pairs = _over_pairs(known.astype(np.float64), weights)
    total = _over_pairs(np.where(known, compared, 0.0), weights)
    return np.divide(total, pairs, out=np.full_like(total, np.nan), where=pairs > 0)


def _over_pairs(values: Float[np.ndarray, "seeds seeds"], weights: Weights) -> PerDraw:
    """Σ w_s w_t values_st."""
    return ((weights @ values) * weights).sum(axis=1)
