"""The Gini coefficient of an attribution: how unequal are the features' shares?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric, shares


class FocusGini(SpanMetric):
    """Σ_i (2i − n − 1) q_(i) / n for the shares q = |φ| / Σ|φ| in ascending order.

    (n − 1)/n where one feature of n has all, 0 where all have the same. Higher is more focused, which is neither better
    nor worse. Scores that are all 0 count as uniform. A text of one feature says nothing.

    Hurley & Rickard, "Comparing Measures of Sparsity", IEEE Transactions on Information Theory, 2009.
    """

    name = "focus-gini"
    headline = False
    higher_is_better = None

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        q = np.sort(shares(attribution.scores))
        count = len(q)
        weights = 2 * np.arange(1, count + 1) - count - 1
        return max(float(weights @ q / count), 0.0) if count > 1 else None
