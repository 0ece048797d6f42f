"""Top overlap: do the models of two seeds name the same words first?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import PopulationMetric
from attrimark_registry.ranking import length
from jaxtyping import Float
from pydantic import Field

from .shared.seed_variation import mean_over_pairs


class TopOverlap(PopulationMetric):
    """The share of the top k words that two explanations have in common, averaged over the pairs of seeds.

    k is that `ratio` of the n words, rounded up and at least one. Tied scores count as the average over their orders,
    those of each explanation by themselves: unrelated or constant explanations share k/n on average.
    """

    name = "top-overlap"

    ratio: float = Field(0.2, gt=0, le=1)

    def terms(
        self, scores: Float[np.ndarray, "seeds features"], weights: Float[np.ndarray, "draws seeds"]
    ) -> Float[np.ndarray, "draws terms"]:
        k = length(self.ratio, scores.shape[1])
        among = among_top(scores, k)
        return mean_over_pairs(among @ among.T / k, weights)[:, None]


def among_top(scores: Float[np.ndarray, "seeds features"], k: int) -> Float[np.ndarray, "seeds features"]:
    """The probability that a word is among the top k, over the orders of tied scores."""
    last = np.sort(scores, axis=1)[:, -k, None]
    above, tied = scores > last, scores == last
    free = k - above.sum(axis=1, keepdims=True)
    return above + tied * free / tied.sum(axis=1, keepdims=True)
