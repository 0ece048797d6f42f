"""How large a paired difference is beside its own spread over texts: Cohen's d_z.

Cohen, *Statistical Power Analysis for the Behavioral Sciences*, 2nd ed. 1988, section 2.3.5; named as in Lakens,
Frontiers in Psychology 4:863, 2013.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def standardised(differences: Float[np.ndarray, "seeds texts"]) -> float | None:
    """The mean over the standard deviation over texts, of the seeds' mean differences.

    None with fewer than two texts, or where all of them differ alike.
    """
    by_text = differences.mean(axis=0)
    if len(by_text) < 2:
        return None
    spread = float(by_text.std(ddof=1))
    # equal differences have a spread of rounding errors only
    return float(by_text.mean()) / spread if spread > 1e-12 * float(np.abs(by_text).max()) else None
