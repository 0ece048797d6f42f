"""A ratio of means with an interval, by linearisation (Cochran, *Sampling Techniques*, 3rd ed. 1977, ch. 6).

A ratio of means weighs texts by their denominators; a mean of ratios would let texts with hardly any range decide.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .intervals import Estimate, crossed_interval


def ratio_of_means(
    numerator: Float[np.ndarray, "seeds texts"], denominator: Float[np.ndarray, "seeds texts"], level: float = 0.95
) -> Estimate:
    """r = mean(numerator) / mean(denominator), with the interval of the mean of (numerator − r · denominator) around 0,
    divided by mean(denominator).

    All values are finite, and the mean of the denominators is not 0: whoever asks has seen that it is more than noise.
    """
    ratio = numerator.mean() / denominator.mean()
    return crossed_interval(ratio + (numerator - ratio * denominator) / denominator.mean(), level)
