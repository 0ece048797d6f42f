"""Whether a difference holds for the next network that someone trains.

The prediction interval of random-effects meta-analysis (Higgins, Thompson & Spiegelhalter, Journal of the Royal
Statistical Society A, 2009), with training seeds in the place of studies.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr

from .intervals import FEWEST_SEEDS, alike, complete, mean_squares


def holds_on_next_seed(differences: Float[np.ndarray, "seeds texts"]) -> float | None:
    """The probability that a newly trained network's expected difference, on texts like these, has the average's sign.

    Not its difference on these very texts: whoever trains the network has others. It is off the true mean by its
    method × seed interaction, whose variance is the seed component of the paired differences (0 where that is
    negative); and the mean itself is uncertain. Student's t with Satterthwaite's degrees of freedom for the sum of both
    variances, and no more than seeds − 1 of them.

    Of differences of every size it is right about as often as it says. Where it is known beforehand that hardly any
    method differs, signs are less sure: that of no difference at all is a coin's.

    None with fewer than 5 seeds or 2 texts, where the average is 0, and where all differences are alike: then there is
    nothing that could tell how seeds vary. A text that misses any seed is left out whole.
    """
    differences = complete(differences)
    seeds, texts = differences.shape
    if seeds < FEWEST_SEEDS or texts < 2 or alike(differences) or differences.mean() == 0:
        return None
    squares = mean_squares(differences)
    variance, freedom = squares.variance_of_mean()
    if squares.seed > squares.residual:
        variance = variance + (squares.seed - squares.residual) / texts
        # the weights that the mean squares have in that variance × seeds × texts
        weights = (seeds + 1, 1, -seeds - 1) if squares.text > squares.residual else (seeds + 1, 0, -seeds)
        means = np.array([squares.seed, squares.text, squares.residual])
        spread = (np.multiply(weights, means) ** 2 / squares.freedoms).sum()
        freedom = (variance * seeds * texts) ** 2 / spread
    return float(stdtr(np.minimum(freedom, seeds - 1), abs(differences.mean()) / np.sqrt(variance)))
