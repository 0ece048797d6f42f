"""Shapley values as the solution of a weighted regression (Charnes et al., 1988; Lundberg & Lee, arXiv 1705.07874)."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from attrimark_registry import Exploration, Keep, Scores
from jaxtyping import Float

from .coalition_pairs import all_pairs


@dataclass(frozen=True, eq=False)
class Sample:
    """Pairs to regress on.

    Attributes:
        weights: of each pair in the sum of squares.
        noise: the part of each pair's squared residual that is sampling error: 0 where the pair was certain to be
            there, 1 where it came by rare chance, 1/r where it was drawn r times.
        once: no pair was drawn twice, so that few others are left where most of a size were drawn.
    """

    pairs: Keep
    weights: Float[np.ndarray, " pairs"]
    noise: Float[np.ndarray, " pairs"]
    once: bool = False

    @property
    def determines(self) -> bool:
        """Whether the pairs leave one solution."""
        signs = np.where(np.vstack([np.ones_like(self.pairs[:1]), self.pairs]), 1.0, -1.0)
        return bool(np.linalg.matrix_rank(signs) == self.pairs.shape[1])


def every_pair(features: int) -> Sample:
    """All pairs with the Shapley kernel's weights, 1 / (C(n, s) · s · (n − s)): the solution is exact."""
    pairs = all_pairs(features)
    kernel = np.array([1 / (comb(features, size) * size * (features - size)) for size in range(1, features)])
    return Sample(pairs, kernel[pairs.sum(axis=1) - 1], np.zeros(len(pairs)))


def regress(sample: Sample) -> Exploration:
    """The additive function that comes closest to v on the sample, among those that agree with v on all and none.

    Where both subsets of a pair have one weight, as here (Covert & Lee, arXiv 2012.01536), only their difference
    counts: the scores inside S less those outside are to equal v(S) − v(S̄). Agreement on all and none fixes the
    scores' mean, so the regression is on what is orthogonal to it: solved exactly, not by a large weight.

    `standard_error` (one a feature) linearises the estimator, as surveys do (Binder, 1983), with residuals
    corrected for how far each pair draws the fit to itself (HC2: MacKinnon & White, 1985). Where pairs are drawn once,
    it is the error of leaving the others out that counts, and that is larger by as much as those would have drawn the
    fit to themselves (the jackknife's correction, HC3); the more of them were drawn, the more of it applies. It is
    missing where a drawn pair is fitted exactly whatever its values, without which the solution is open.
    """
    count, pairs = sample.pairs.shape[1], sample.pairs
    ends = np.array([[True], [False]]).repeat(count, axis=1)
    values = yield np.concatenate([ends, pairs, ~pairs])
    values = values.astype(np.float64)
    mean = (values[0] - values[1]) / count
    inside, outside = np.split(values[2:], 2)

    signs = np.where(pairs, 1.0, -1.0)
    design = signs - signs.mean(axis=1, keepdims=True)
    response = inside - outside - mean * signs.sum(axis=1)
    root = np.sqrt(sample.weights)
    solve = np.linalg.pinv(design * root[:, None], rcond=1e-9) * root  # [features, pairs]
    deviations = solve @ response
    scores = mean + deviations

    pull = np.einsum("pf,fp->p", design, solve)
    drawn = sample.noise > 1e-9
    if (pull[drawn] > 1 - 1e-9).any():
        return Scores(scores)
    kept = 1 - sample.noise * pull
    if sample.once:
        kept *= (1 - (1 - sample.noise) * pull) ** 2
    residuals = response - design @ deviations
    variances = np.divide(sample.noise * residuals**2, kept, where=drawn, out=np.zeros(len(pairs)))
    return Scores(scores, {"standard_error": np.sqrt(solve**2 @ variances)})
