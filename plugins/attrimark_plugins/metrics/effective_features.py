"""The effective number of features: how many equal shares would be as concentrated?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric, shares


class EffectiveFeatures(SpanMetric):
    """1 / Σ q² for the shares q = |φ| / Σ|φ|: 1 where one feature has all, n where n have the same.

    It grows with the text, so compare it on the same texts. Lower is more focused, which is neither better nor worse.
    Scores that are all 0 count as uniform.

    Simpson, "Measurement of Diversity", Nature, 1949; the effective number of Hill, Ecology, 1973, of order 2.
    """

    name = "effective-features"
    higher_is_better = None
    bounds = (1.0, np.inf)
    unit = "feature"
    headline = False

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        q = shares(attribution.scores)
        return max(1 / float(q @ q), 1.0) if len(q) else None
