"""What a family of comparisons would look like if no methods differed, drawn many times.

Comparisons are correlated: all have random, or the best, on one side, and methods alike in kind fail on the same texts.
A draw repeats the two-way analysis of variance of all of them at once, from normal seed, text and residual effects
whose covariances over methods are those of the data (a parametric bootstrap; Westfall & Young, *Resampling-Based
Multiple Testing*, 1993). Normal effects, because five seeds have too few resamples or sign flips that differ to speak
of a 5 % tail. Mean squares are drawn too: what Satterthwaite's approximation loses in the tails that many comparisons
reach, the draws lose as well.

Comparisons differ in their degrees of freedom. So that the largest of a family means something, each t is put on the
scale of a standard normal (Wallace, The Annals of Mathematical Statistics, 1959).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from .intervals import MeanSquares, alike, mean_squares

_AT_ONCE = 16  # contrasts held in memory
_FLOOR = 1e-18  # of the mean variance: with it a comparison without spread is drawn like any other


class CrossedNull:
    """Draws of methods that do not differ, measured on the same seeds and texts; with one row, on texts alone."""

    def __init__(self, values: Float[np.ndarray, "methods rows texts"], seed: int, draws: int) -> None:
        methods, self._seeds, self._texts = values.shape
        freedoms = self._seeds - 1, self._texts - 1, (self._seeds - 1) * (self._texts - 1)
        covariances = _covariances(values, freedoms)
        self._factors = [
            _wishart_factor((seed, effect), draws, freedom, methods) @ (_root(covariance) / np.sqrt(max(1, freedom)))
            for effect, (freedom, covariance) in enumerate(zip(freedoms, covariances, strict=True))
        ]
        of_seeds, of_texts, residual = covariances
        means = np.stack([_normals((seed, len(freedoms)), draws, each, 1)[:, 0] for each in range(methods)], axis=1)
        self._means = means @ _root((of_seeds + of_texts - residual) / values[0].size)

    def scores(self, contrasts: Float[np.ndarray, "comparisons methods"]) -> Float[np.ndarray, "draws comparisons"]:
        """Of each draw, the normal scores of comparisons, each of them a weighted sum of the methods."""
        blocks = np.array_split(contrasts, -(-len(contrasts) // _AT_ONCE))
        return np.concatenate([self._scores(block) for block in blocks], axis=1)

    def _scores(self, contrasts: Float[np.ndarray, "comparisons methods"]) -> Float[np.ndarray, "draws comparisons"]:
        squares = []
        for factor in self._factors:
            # one large product is many times faster than one for each draw
            rows = (factor.reshape(-1, contrasts.shape[1]) @ contrasts.T).reshape(*factor.shape[:2], len(contrasts))
            squares.append(np.einsum("drc,drc->dc", rows, rows))
        return normal_scores(self._means @ contrasts.T, MeanSquares(self._seeds, self._texts, *squares))


def observed_scores(differences: Float[np.ndarray, "comparisons rows texts"]) -> Float[np.ndarray, " comparisons"]:
    """The normal score of each mean difference.

    Where all differences are alike there is no spread to compare the mean with. The sign test over texts then speaks:
    the score of so many coins that agree, or 0 where there is no difference.
    """
    means = differences.mean(axis=(1, 2))
    of_signs = np.sign(means) * -ndtri(0.5 ** differences.shape[-1])
    return np.where(alike(differences), of_signs, normal_scores(means, mean_squares(differences)))


def normal_scores(means: Float[np.ndarray, "*tables"], squares: MeanSquares) -> Float[np.ndarray, "*tables"]:
    """Each mean's t, where a standard normal deviate has about the same p-value; 0 where there is no variance."""
    variance, freedom = squares.variance_of_mean()
    t_squared = np.divide(means**2, variance, out=np.zeros_like(means), where=variance > 0)
    return np.sign(means) * _shrink(freedom) * np.sqrt(freedom * np.log1p(t_squared / freedom))


def half_widths(
    score: float, differences: Float[np.ndarray, "comparisons rows texts"]
) -> Float[np.ndarray, " comparisons"]:
    """How far from a mean difference another truth may lie until its score is reached.

    Without spread there are two answers: nowhere else, or anywhere where the texts are too few for that score.
    """
    variance, freedom = mean_squares(differences).variance_of_mean()
    with np.errstate(over="ignore", invalid="ignore"):
        widths = np.sqrt(variance * freedom * np.expm1((score / _shrink(freedom)) ** 2 / freedom))
    signs_suffice = -ndtri(0.5 ** differences.shape[-1]) >= score
    return np.where(alike(differences), 0.0 if signs_suffice else np.inf, widths)


def adjusted(score: float, largest: Float[np.ndarray, " draws"]) -> float:
    """The share of draws whose largest score is no smaller than this one, itself included: never quite 0."""
    return (1 + int((largest >= score).sum())) / (1 + len(largest))


def critical(largest: Float[np.ndarray, " draws"], level: float) -> float:
    """The score above which, and only above which, `adjusted` is at most 1 − level; infinite with too few draws."""
    exceeded = int((1 - level) * (1 + len(largest)) + 1e-9)  # that many draws, the score itself among them
    return float(np.sort(largest)[-exceeded]) if exceeded else np.inf


def _shrink(freedom: Float[np.ndarray, "*tables"]) -> Float[np.ndarray, "*tables"]:
    return (8 * freedom + 1) / (8 * freedom + 3)


def _covariances(
    values: Float[np.ndarray, "methods rows texts"], freedoms: tuple[int, int, int]
) -> tuple[Float[np.ndarray, "methods methods"], ...]:
    """Of seeds, texts and residuals: mean products, a factor's never below the residual's in any direction."""
    centred = values - values.mean(axis=(1, 2), keepdims=True)
    by_seed, by_text = centred.mean(axis=2, keepdims=True), centred.mean(axis=1, keepdims=True)
    effects = np.broadcast_arrays(by_seed, by_text, centred - by_seed - by_text)
    seed, text, residual = (
        np.einsum("ist,jst->ij", effect, effect, optimize=True) / max(1, freedom)
        for effect, freedom in zip(effects, freedoms, strict=True)
    )
    floor = residual + _FLOOR * (np.trace(seed + text + residual) / len(values) or 1.0) * np.eye(len(values))
    return floor + _positive(seed - residual), floor + _positive(text - residual), floor


def _positive(matrix: Float[np.ndarray, "methods methods"]) -> Float[np.ndarray, "methods methods"]:
    """The nearest covariance: no direction has less variance than none."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(eigenvalues, 0)) @ vectors.T


def _root(covariance: Float[np.ndarray, "methods methods"]) -> Float[np.ndarray, "methods methods"]:
    """R such that Rᵀ R is the covariance."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(eigenvalues, 0))).T


def _wishart_factor(
    seeds: tuple[int, int], draws: int, freedom: int, size: int
) -> Float[np.ndarray, "draws rows size"]:
    """A such that Aᵀ A is distributed as with `freedom` rows of standard normals, in at most `size` rows (Bartlett).

    Its first columns are the factor of the first methods, and are the same however many follow.
    """
    factor = np.zeros((draws, min(freedom, size), size))
    for column in range(size):
        above = min(column, freedom)
        factor[:, :above, column] = _normals(seeds, draws, column, above)
        if column < freedom:
            factor[:, column, column] = _lengths(seeds, draws, column, freedom - column)
    return factor


# tables of as many methods, texts and seeds ask for the same draws, and so do comparisons within a table
@lru_cache(maxsize=256)
def _normals(seeds: tuple[int, int], draws: int, column: int, rows: int) -> Float[np.ndarray, "draws rows"]:
    return np.random.default_rng((*seeds, column)).standard_normal((draws, rows))


@lru_cache(maxsize=256)
def _lengths(seeds: tuple[int, int], draws: int, column: int, freedom: int) -> Float[np.ndarray, " draws"]:
    return np.sqrt(np.random.default_rng((*seeds, column, freedom)).chisquare(freedom, draws))
