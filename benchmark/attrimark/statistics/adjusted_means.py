"""Networks' means were all of them equally sure, of texts equally long: analysis of covariance (Fisher, 1932)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def adjusted_means(
    values: Float[np.ndarray, "networks texts"], covariates: Float[np.ndarray, "covariates networks texts"]
) -> Float[np.ndarray, " networks"]:
    """Each network's mean, less what its covariates' distance from their common mean accounts for.

    The slopes are those within networks, pooled: how the value changes from text to text with the covariates. They
    know no label, so that a permutation of labels is as exact on adjusted means as it is on plain ones. A covariate
    that does not vary within any network adjusts nothing.

    The adjustment is a straight line drawn on: where networks differ so much that their covariates do not overlap, it
    speaks of texts that nobody has seen. And what fine-tuning itself changed (confidence) it takes out of the
    difference, which then is not all that fine-tuning does.
    """
    centred = covariates - covariates.mean(axis=2, keepdims=True)
    rows = centred.reshape(len(covariates), -1).T
    scale = np.sqrt((rows**2).mean(axis=0))
    varies = scale > 1e-9 * np.abs(covariates).max(axis=(1, 2))
    within = (values - values.mean(axis=1, keepdims=True)).ravel()
    slopes = np.linalg.lstsq(rows[:, varies] / scale[varies], within, rcond=1e-9)[0] / scale[varies]
    means = covariates[varies].mean(axis=2)
    return values.mean(axis=1) - slopes @ (means - means.mean(axis=1, keepdims=True))
