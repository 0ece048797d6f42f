"""How sure a mean over seeds and texts is, when every seed explains the same texts.

Seeds and texts are crossed, not nested: resampling texts within seeds (or seeds within texts) covers far less
than it promises. The variance of the mean comes from a two-way random-effects analysis of variance (Searle,
Casella & McCulloch, *Variance Components*, 1992, ch. 4), its degrees of freedom from Satterthwaite
(Biometrics Bulletin, 1946).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

FEWEST_SEEDS = 5  # with fewer, three or less degrees of freedom would have to speak for all seeds

CROSSED = "seeds and texts"
TEXTS_ONLY = "texts only: these checkpoints only"
NO_INTERVAL = "no interval: fewer than two texts"


@dataclass(frozen=True)
class Estimate:
    """A mean and its interval.

    Attributes:
        low, high: ends of the interval; NaN where there is none.
        level: the probability with which such an interval holds the true mean.
        seeds, texts: how many of each were averaged (complete texts only).
        method: what the interval generalises over, for a caption: one of the constants of this module.
    """

    mean: float
    low: float
    high: float
    level: float
    seeds: int
    texts: int
    method: str

    @property
    def half(self) -> float:
        """Half the interval's width."""
        return (self.high - self.low) / 2


def crossed_interval(values: Float[np.ndarray, "seeds texts"], level: float = 0.95) -> Estimate:
    """The mean of raw scores, or of paired differences, with an interval for new seeds and new texts.

    Var(mean) = (MS_seeds + MS_texts − MS_residual) / (seeds × texts). Where a factor's mean square is below
    the residual's, its variance component would be negative: the factor is taken to have no effect and is
    left out, so that only the other one's mean square remains.

    With fewer than 5 seeds nothing is claimed about seeds: a t interval over texts of the seeds' mean. With
    one text there is no interval. A text that misses any seed (NaN or infinite there) is left out whole.
    """
    values = values[:, np.isfinite(values).all(axis=0)].astype(np.float64)
    seeds, texts = values.shape
    if seeds == 0 or texts == 0:
        return Estimate(np.nan, np.nan, np.nan, level, seeds, texts, NO_INTERVAL)
    mean = float(values.mean())
    if texts == 1:
        return Estimate(mean, np.nan, np.nan, level, seeds, texts, NO_INTERVAL)
    if seeds < FEWEST_SEEDS:
        variance, freedom = values.mean(axis=0).var(ddof=1) / texts, float(texts - 1)
    else:
        variance, freedom = _variance_of_mean(values)
    half = float(stdtrit(freedom, (1 + level) / 2) * np.sqrt(variance))
    method = TEXTS_ONLY if seeds < FEWEST_SEEDS else CROSSED
    return Estimate(mean, mean - half, mean + half, level, seeds, texts, method)


def simultaneous_level(level: float, comparisons: int) -> float:
    """The level of each interval so that all of them hold at once with probability `level` (Bonferroni)."""
    return 1 - (1 - level) / max(1, comparisons)


def _variance_of_mean(values: Float[np.ndarray, "seeds texts"]) -> tuple[float, float]:
    """The variance of the grand mean, and its degrees of freedom."""
    seeds, texts = values.shape
    centred = values - values.mean()
    by_seed, by_text = centred.mean(axis=1), centred.mean(axis=0)
    residual = centred - by_seed[:, None] - by_text[None, :]
    freedom = {"seed": seeds - 1, "text": texts - 1, "residual": (seeds - 1) * (texts - 1)}
    square = {
        "seed": texts * float((by_seed**2).sum()) / freedom["seed"],
        "text": seeds * float((by_text**2).sum()) / freedom["text"],
        "residual": float((residual**2).sum()) / freedom["residual"],
    }
    if square["seed"] <= square["residual"] or square["text"] <= square["residual"]:
        factor = max(("seed", "text"), key=lambda name: square[name])
        return square[factor] / (seeds * texts), float(freedom[factor])
    total = square["seed"] + square["text"] - square["residual"]
    spread = sum(square[name] ** 2 / freedom[name] for name in square)
    return total / (seeds * texts), total**2 / spread
