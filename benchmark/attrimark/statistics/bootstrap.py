"""Intervals for statistics without a variance formula: seeds, and texts, are drawn again with replacement.

The intervals are BCa (Efron, Journal of the American Statistical Association, 1987). Crossed factors are drawn
independently, a cell counting as often as its seed times its text (Owen, Annals of Applied Statistics, 2007), which is
a little wide where neither factor has an effect of its own.

A statistic is a function of *weights*, a row saying how often each seed counts; ones are the plain statistic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from .intervals import CROSSED, FEWEST_SEEDS, Estimate

FEWEST_TEXTS = 5  # as for seeds: the resamples of fewer have too few different values

SEEDS = "seeds"
SEEDS_ONLY = "seeds only: these texts only"
FEW_SEEDS = f"no interval: fewer than {FEWEST_SEEDS} seeds"
UNDEFINED = "no interval: the statistic has no value on too many resamples"

_MOST_UNDEFINED = 0.05  # of the draws: with more, those left are no sample of what could have been

OfSeeds = Callable[[Float[np.ndarray, "rows seeds"]], Float[np.ndarray, " rows"]]
OfSeedsAndTexts = Callable[
    [Float[np.ndarray, "rows seeds"], Float[np.ndarray, "rows texts"]], Float[np.ndarray, " rows"]
]


def bootstrap_seeds(
    statistic: OfSeeds,
    seeds: int,
    rng: np.random.Generator,
    *,
    texts: int = 1,
    draws: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """The plain statistic, with an interval for new seeds on the same texts.

    An infinite value (a ratio whose noise is 0) keeps its place in the order, so that an end may be infinite.
    A draw without a value (NaN) is left out. With fewer than 5 seeds, or where more than one draw in twenty has
    no value, there is no interval and `method` says why.

    For a variance over seeds take the unbiased one of `weighted_moments`: its 95 % intervals were seen to cover 79–89 %
    from 5 normal seeds, 85–91 % from 10, 90–93 % from 20; with the biased one 18–59, 60–79 and 86–89 %.

    Args:
        texts: how many texts the statistic speaks of, for the caption.
    """
    (weights,) = resamples(rng, draws, seeds)
    return with_interval(statistic(weights), (seeds,), level, seeds, texts, SEEDS)


def bootstrap_seeds_and_texts(
    statistic: OfSeedsAndTexts,
    seeds: int,
    texts: int,
    rng: np.random.Generator,
    *,
    draws: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """The plain statistic, with an interval for new seeds and new texts; otherwise as `bootstrap_seeds`.

    With fewer than 5 texts nothing is claimed about texts: only the seeds are drawn.
    """
    if texts >= FEWEST_TEXTS:
        values = statistic(*resamples(rng, draws, seeds, texts))
        return with_interval(values, (seeds, texts), level, seeds, texts, CROSSED)
    (weights,) = resamples(rng, draws, seeds)
    values = statistic(weights, np.ones((len(weights), texts)))
    return with_interval(values, (seeds,), level, seeds, texts, SEEDS_ONLY)


def resamples(rng: np.random.Generator, draws: int, *sizes: int) -> list[Float[np.ndarray, "rows _"]]:
    """Weights for factors of these sizes, whose rows belong together: what `bca` needs a statistic's value of.

    First a row of ones for every factor; then each member of each factor left out in turn (the jackknife), the
    other factors whole; then the draws, in which the factors are resampled independently.
    """
    weights, before = [], 1
    for size in sizes:
        left_out = np.ones((1 + sum(sizes), size))
        left_out[before : before + size] -= np.eye(size)
        weights.append(np.concatenate([left_out, rng.multinomial(size, np.full(size, 1 / size), draws)]))
        before += size
    return weights


def with_interval(
    values: Float[np.ndarray, " rows"], sizes: Sequence[int], level: float, seeds: int, texts: int, method: str
) -> Estimate:
    """The first value, with the interval of the others if one may be given.

    Args:
        values: a statistic of each row of `resamples(rng, draws, *sizes)`.
        method: what the interval speaks for, where there is one.
    """
    if seeds < FEWEST_SEEDS:
        return Estimate(float(values[0]), np.nan, np.nan, level, seeds, texts, FEW_SEEDS)
    low, high = bca(values, sizes, level)
    return Estimate(float(values[0]), low, high, level, seeds, texts, UNDEFINED if np.isnan(low) else method)


def bca(values: Float[np.ndarray, " rows"], sizes: Sequence[int], level: float) -> tuple[float, float]:
    """The ends of the bias-corrected and accelerated interval; NaN where the statistic is not defined.

    The bias correction is read off the draws, the acceleration off the jackknife, whose factors add up as
    independent samples do. Ends are draws, never points between two of them, which infinities would not have.
    """
    plain, rest = values[0], values[1 + sum(sizes) :]
    draws = np.sort(rest[~np.isnan(rest)])
    if np.isnan(plain) or len(draws) < (1 - _MOST_UNDEFINED) * len(rest):
        return np.nan, np.nan
    below = ((draws < plain).mean() + (draws <= plain).mean()) / 2
    # all draws on one side of the plain value are half a draw away from saying something
    bias = ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    acceleration = _acceleration(np.split(values[1 : 1 + sum(sizes)], np.cumsum(sizes)[:-1]))
    low, high = (_adjusted(bias, acceleration, (1 + side * level) / 2) for side in (-1, 1))
    last = len(draws) - 1
    return float(draws[int(np.floor(low * last))]), float(draws[int(np.ceil(high * last))])


def weighted_moments(
    weights: Float[np.ndarray, "rows seeds"], values: Float[np.ndarray, "seeds *each"], unbiased: bool = False
) -> tuple[Float[np.ndarray, "rows *each"], Float[np.ndarray, "rows *each"]]:
    """The mean and the variance over seeds, where each seed counts as often as its weight says.

    The variance of identical seeds is exactly 0; that of a single one is 0, or NaN where unbiased.

    Args:
        unbiased: average over pairs of *different* seeds. For ones this is the variance with divisor seeds − 1, and
            unlike that one it does not shrink on a resample, where a seed also meets itself.
    """
    first = values[0]
    flat = (values - first).reshape(len(values), -1)  # values far from 0 would cancel in the squares
    shares = weights / weights.sum(axis=1, keepdims=True)
    mean = shares @ flat
    variance = np.maximum(shares @ flat**2 - mean**2, 0)
    if unbiased:
        distinct = 1 - (shares**2).sum(axis=1, keepdims=True)
        variance = np.divide(variance, distinct, out=np.full_like(variance, np.nan), where=distinct > 1e-12)
    shape = (len(weights), *first.shape)
    return mean.reshape(shape) + first, variance.reshape(shape)


def _acceleration(jackknives: Sequence[Float[np.ndarray, " _"]]) -> float:
    """A sixth of the skewness of the jackknife's influence values; 0 where they are all alike or infinite."""
    if not all(np.isfinite(each).all() for each in jackknives):
        return 0.0
    # a factor's influence values, divided by its size, are the weights with which it moves the statistic
    influence = np.concatenate([(len(each) - 1) / len(each) * (each.mean() - each) for each in jackknives])
    largest = np.abs(influence).max()
    if largest == 0:
        return 0.0
    influence = influence / largest
    return float((influence**3).sum() / (6 * (influence**2).sum() ** 1.5))


def _adjusted(bias: float, acceleration: float, probability: float) -> float:
    """The share of the draws below an end, once bias and acceleration are allowed for."""
    shifted = bias + ndtri(probability)
    scale = 1 - acceleration * shifted
    if scale <= 0:  # so skewed that no draw lies beyond
        return float(shifted > 0)
    return float(ndtr(bias + shifted / scale))
