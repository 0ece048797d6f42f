"""Category share: how much of an attribution falls on numbers, on identifiers, on comparators, on other words?"""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric, shares

from attrimark_plugins.datasets.shared.word_categories import Category, categories_of

Words = Literal["all", "deciding", "idle"]


class CategoryShare(SpanMetric):
    """Σ q over the words of one category, for the shares q = |φ| / Σ|φ|; over all categories it sums to 1.

    Categories are the example's own where it has spans of them, else told by patterns. Scores that are all 0 count as
    uniform. None for a text without a word of the category. It describes, and is neither better nor worse when higher.

    Options:
        category: "number" (with its unit), "identifier", "comparator", "content" or "function".
        words: only those that decide the reference, which spans of kind "rationale" mark, or only those that do not.
    """

    name = "category-share"
    headline = False
    higher_is_better = None

    category: Category
    words: Words = "all"

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        found = share_and_portion(attribution, example, self.category, self.words)
        return found and found[0]


def share_and_portion(
    attribution: Attribution, example: Example, category: Category, words: Words
) -> tuple[float, float] | None:
    """The part of the attribution, and the part of the features, that a category has; None where it has no feature.

    None, too, where only some words are wanted and the example does not say which words decide.
    """
    features = attribution.features
    inside = np.array([each == category for each in categories_of(features, example)], dtype=bool)
    if words != "all":
        spans = [span for span in example.spans if span.kind == "rationale"]
        decide = [any(each.overlap(span.segment, span.start, span.end) for span in spans) for each in features]
        inside &= np.array(decide) == (words == "deciding")
        if not spans:
            return None
    if not inside.any():
        return None
    return min(float(shares(attribution.scores)[inside].sum()), 1.0), float(inside.mean())
