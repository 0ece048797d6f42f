"""Noise: how far do explanations move when nothing but the training seed changes?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import PopulationMetric
from jaxtyping import Float

from .shared.seed_variation import Scale, signal_and_noise


class Noise(PopulationMetric):
    """The mean, over the words of a text, of the variance of their score over seeds; 0 where all seeds agree.

    See `seed_variation.signal_and_noise` for the source and for `debiased`, and `seed_variation.scaled` for `scale`.
    """

    name = "noise"
    higher_is_better = False
    bounds = (0.0, np.inf)

    scale: Scale = "min-max"
    debiased: bool = False

    def terms(
        self, scores: Float[np.ndarray, "seeds features"], weights: Float[np.ndarray, "draws seeds"]
    ) -> Float[np.ndarray, "draws terms"]:
        _, noise = signal_and_noise(scores, weights, self.scale, self.debiased)
        return noise[:, None]
