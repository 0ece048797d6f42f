"""Whether a metric got worse: on the same texts, or for a model that was trained again.

On the same texts, values are paired. From five seeds on the interval is that of crossed seeds and texts; below, a
bootstrap-t over texts of the seeds' mean, which speaks for these checkpoints only. A retrained model is compared with
the spread of reseeded ones, by the interval in which one more such model would lie.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtr, stdtrit

from attrimark.statistics.intervals import FEWEST_SEEDS, crossed_interval, two_sided_p

from .tolerances import smallest_at

ALPHA = 0.05  # of one wrong "regressed" among all tests of a comparison
POWER = 0.8  # with which a change of the detectable size would have been seen
FEWEST_TEXTS = 30  # with fewer, the bootstrap's tail is too thin for a verdict
RESAMPLES = 10_000
RESOLUTION = 1e-12  # of a mean: what is smaller is the rounding of equal numbers

Drops = Float[np.ndarray, "seeds texts"]  # how much worse the values became; NaN where there is no pair


def p_value(drops: Drops) -> float:
    """One-sided: how likely a mean drop this large is where there is none, for the pairs that are whole."""
    whole = drops[:, np.isfinite(drops).all(axis=0)]
    if len(whole) < FEWEST_SEEDS:
        return _bootstrap(whole.mean(axis=0))
    return two_sided_p(whole) / 2 if whole.mean() > 0 else 1.0


def detectable(drops: Drops, tests: int) -> float:
    """The mean drop that would have been called worse with the stated power, one test among so many.

    NaN where there is no interval.
    """
    whole = drops[:, np.isfinite(drops).all(axis=0)]
    bound = crossed_interval(whole, level=1 - 2 * ALPHA / max(1, tests))
    return bound.half + crossed_interval(whole, level=2 * POWER - 1).half


def texts_needed(change: float, spread: float, tests: int = 1) -> int | None:
    """How many texts a comparison needs to call a drop of that size worse with the stated power.

    The observed drop must be no chance, and large enough to count. None where so small a drop does not count.

    Args:
        spread: the standard deviation over texts of the differences (the values' own, where no difference is known).
        tests: how many comparisons gate together.
    """
    counts = smallest_at(spread)
    if change <= counts:
        return None
    level, power = (float(ndtri(share)) for share in (1 - ALPHA / max(1, tests), POWER))
    errors = change / (level + power), (change - counts) / power  # the standard errors that either allows
    return max(FEWEST_TEXTS, int(np.ceil((spread / min(errors)) ** 2)))


def new_seed_p_value(reseeds: Sequence[float], now: Sequence[float], higher_is_better: bool) -> float:
    """One-sided: how likely means this bad are for as many models that differ from the reseeded ones in seeds only.

    Args:
        reseeds: five or more models' means over the texts.
        now: the retrained model's mean, or several seeds' means.
    """
    drop = float(np.mean(reseeds) - np.mean(now)) * (1 if higher_is_better else -1)
    scale = _new_seed_scale(reseeds, len(now))
    if scale == 0:
        return 0.0 if drop > 0 else 1.0
    return float(stdtr(len(reseeds) - 1, -drop / scale))


def new_seed_detectable(reseeds: Sequence[float], now: int, tests: int) -> float:
    """As `detectable`, for means of `now` new seeds."""
    freedom = len(reseeds) - 1
    quantiles = float(stdtrit(freedom, 1 - ALPHA / max(1, tests)) + stdtrit(freedom, POWER))
    return quantiles * _new_seed_scale(reseeds, now)


def _new_seed_scale(reseeds: Sequence[float], now: int) -> float:
    return float(np.std(reseeds, ddof=1)) * float(np.sqrt(1 / now + 1 / len(reseeds)))


def _bootstrap(drops: Float[np.ndarray, " texts"]) -> float:
    """The share of resampled means that lie as many of their standard errors above theirs (bootstrap-t), never quite 0.

    Values of a metric are skewed, and a percentile interval of skewed values is too short on the side of the tail
    (Efron and Tibshirani, 1993, chapter 12).
    """
    rng, mean, count = np.random.default_rng(0), drops.mean(), len(drops)
    found = _in_errors(mean, drops.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0
    beyond = 0
    for start in range(0, RESAMPLES, 500):  # in slices: thousands of texts would fill the memory
        drawn = drops[rng.integers(0, count, (min(500, RESAMPLES - start), count))]
        errors = drawn.std(axis=1, ddof=1) / np.sqrt(count) if count > 1 else np.zeros(len(drawn))
        beyond += int((_in_errors(drawn.mean(axis=1) - mean, errors) >= found).sum())
    return (beyond + 1) / (RESAMPLES + 1)


def _in_errors(means: np.ndarray | np.floating, errors: np.ndarray | np.floating) -> np.ndarray:
    """In standard errors; without any, as far as there is in that direction."""
    means, errors = np.asarray(means), np.asarray(errors)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(means) < RESOLUTION, 0.0, np.where(errors > 0, means / errors, np.sign(means) * np.inf))
