"""Category lift: how much more of an attribution falls on a kind of word than words drawn blindly would get?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric

from attrimark_plugins.datasets.shared.word_categories import Category

from .category_share import Words, share_and_portion


class CategoryLift(SpanMetric):
    """`category-share` over the share n_c/n that the category's words make of all words.

    1 where the category gets what its number of words would give it; n/n_c where it gets everything. Random scores get
    1 on average. None for a text without a word of the category.

    Options:
        category: "number" (with its unit), "identifier", "comparator", "content" or "function".
        words: as of `category-share`.
    """

    name = "category-lift"
    bounds = (0.0, np.inf)
    headline = False
    higher_is_better = None

    category: Category
    words: Words = "all"

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        found = share_and_portion(attribution, example, self.category, self.words)
        return found and found[0] / found[1]
