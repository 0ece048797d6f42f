"""Normalised entropy: over how many features, relative to all of them, is an attribution spread?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric, shares
from scipy.special import entr


class FocusEntropy(SpanMetric):
    """H(q) / ln n for the shares q = |φ| / Σ|φ| of n features: 0 where one has all, 1 where all have the same.

    Lower is more focused, which is neither better nor worse. Scores that are all 0 count as uniform. A text of one
    feature says nothing: its shares are concentrated and uniform at once.

    The entropy is Shannon's (Bell System Technical Journal, 1948).
    """

    name = "focus-entropy"
    higher_is_better = None
    headline = False

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        q = shares(attribution.scores)
        # rounding may leave the entropy of equal shares a hair above ln n
        return min(float(entr(q).sum() / np.log(len(q))), 1.0) if len(q) > 1 else None
