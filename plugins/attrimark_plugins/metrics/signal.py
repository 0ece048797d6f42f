"""Signal: do words differ in what the models of all seeds say of them on average?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import PopulationMetric
from jaxtyping import Float

from .shared.seed_variation import Scale, signal_and_noise


class Signal(PopulationMetric):
    """The variance, over the words of a text, of their mean score over seeds; 0 for a text of one word.

    See `seed_variation.signal_and_noise` for the source and for `debiased`, and `seed_variation.scaled` for `scale`.
    """

    name = "signal"
    bounds = (-np.inf, np.inf)  # below 0 only where it is debiased

    scale: Scale = "min-max"
    debiased: bool = False

    def terms(
        self, scores: Float[np.ndarray, "seeds features"], weights: Float[np.ndarray, "draws seeds"]
    ) -> Float[np.ndarray, "draws terms"]:
        signal, _ = signal_and_noise(scores, weights, self.scale, self.debiased)
        return signal[:, None]
