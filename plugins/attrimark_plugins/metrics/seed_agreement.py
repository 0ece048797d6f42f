"""Seed agreement: do the models of two seeds rank the words alike?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import PopulationMetric
from jaxtyping import Float

from .shared.seed_variation import mean_over_pairs


class SeedAgreement(PopulationMetric):
    """Kendall's τ-b of two explanations of a text, averaged over the pairs of seeds; 0 for unrelated rankings.

    A constant explanation ranks nothing: its pairs are left out, and a text in which no pair is left has NaN.
    """

    name = "seed-agreement"
    bounds = (-1.0, 1.0)

    def terms(
        self, scores: Float[np.ndarray, "seeds features"], weights: Float[np.ndarray, "draws seeds"]
    ) -> Float[np.ndarray, "draws terms"]:
        return mean_over_pairs(kendall(scores), weights)[:, None]


def kendall(scores: Float[np.ndarray, "seeds features"]) -> Float[np.ndarray, "seeds seeds"]:
    """τ-b of every two explanations (Kendall, Biometrika, 1945); NaN where one of them is constant.

    Pairs of words that both order alike, less those that they order differently, divided by the geometric mean of the
    numbers of pairs that each of them orders at all.
    """
    alike = np.zeros((len(scores), len(scores)))
    for word in range(1, scores.shape[1]):
        # one word against those before it: all pairs of words at once would not fit for a long text
        order = np.sign(scores[:, word, None] - scores[:, :word])
        alike += order @ order.T
    ordered = alike.diagonal()
    most = np.sqrt(np.outer(ordered, ordered))
    return np.divide(alike, most, out=np.full_like(alike, np.nan), where=most > 0)
