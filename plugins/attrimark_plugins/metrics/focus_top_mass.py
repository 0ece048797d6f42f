"""Top mass: what share of an attribution do its largest features hold?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric, shares
from pydantic import Field


class FocusTopMass(SpanMetric):
    """The sum of the largest `ratio` of the shares q = |φ| / Σ|φ|, where the last feature may count in part.

    Equal shares get exactly `ratio` (one minus the Lorenz curve at 1 − `ratio`), and one feature with everything gets 1
    from 1/`ratio` features on. In a shorter text the top is less than one feature, of which no more than ratio · n is
    counted: compare texts of like length. Higher is more focused, which is neither better nor worse. Scores that are
    all 0 count as uniform. A text of one feature says nothing.
    """

    name = "focus-top-mass"
    headline = False
    higher_is_better = None

    ratio: float = Field(0.1, gt=0, lt=1)

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        q = np.sort(shares(attribution.scores))[::-1]
        counted = np.clip(self.ratio * len(q) - np.arange(len(q)), 0.0, 1.0)
        return min(float(counted @ q), 1.0) if len(q) > 1 else None
