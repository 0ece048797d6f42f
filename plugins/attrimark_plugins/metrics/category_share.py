"""Category share: how much of an attribution falls on numbers, on identifiers, on comparators, on other words?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric, shares

from attrimark_plugins.datasets.word_categories import Category, categories_of


class CategoryShare(SpanMetric):
    """Σ q over the words of one category, for the shares q = |φ| / Σ|φ|; over all categories it sums to 1.

    Categories are the example's own where it has spans of them, else told by patterns. Scores that are all 0 count as
    uniform. None for a text without a word of the category. It describes, and is neither better nor worse when higher.

    Options:
        category: "number" (with its unit), "identifier", "comparator", "content" or "function".
    """

    name = "category-share"
    headline = False

    category: Category

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        found = share_and_portion(attribution, example, self.category)
        return found and found[0]


def share_and_portion(attribution: Attribution, example: Example, category: Category) -> tuple[float, float] | None:
    """The part of the attribution, and the part of the features, that a category has; None where it has no feature."""
    inside = np.array([each == category for each in categories_of(attribution.features, example)], dtype=bool)
    if not inside.any():
        return None
    return min(float(shares(attribution.scores)[inside].sum()), 1.0), float(inside.mean())
