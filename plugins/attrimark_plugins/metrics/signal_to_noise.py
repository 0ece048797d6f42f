"""The signal-to-noise ratio: do words differ by more than seeds do?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import PopulationMetric
from jaxtyping import Float

from .shared.seed_variation import Scale, signal_and_noise


class SignalToNoise(PopulationMetric):
    """Signal ÷ noise; infinite where all seeds agree, NaN where in addition no word differs from another.

    Over several texts it is the ratio of the mean signal to the mean noise, so that one text whose seeds all but agree
    does not decide it. `debiased` divides the debiased figures.
    """

    name = "snr"
    bounds = (-np.inf, np.inf)  # below 0 only where it is debiased

    scale: Scale = "min-max"
    debiased: bool = False

    def terms(
        self, scores: Float[np.ndarray, "seeds features"], weights: Float[np.ndarray, "draws seeds"]
    ) -> Float[np.ndarray, "draws terms"]:
        return np.stack(signal_and_noise(scores, weights, self.scale, self.debiased), axis=1)

    def value(self, terms: Float[np.ndarray, "*draws terms"]) -> Float[np.ndarray, "*draws"]:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(terms[..., 0] / terms[..., 1])
