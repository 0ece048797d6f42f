"""Evidence lift: how much more of each written token's explanation falls on the words that decide it than on any?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric, shares

from attrimark_plugins.datasets.shared.word_categories import Category, categories_of

from .shared.evidence_of_tokens import explained_tokens


class EvidenceLift(SpanMetric):
    """The share |φ| / Σ|φ| of a token's scores on the words that decide it, over these words' share of all words.

    Averaged over the tokens that count, as in `evidence-precision`. 1 where the words get what their number would give
    them, as they do of random scores on average; n/k where k deciding words of n have everything. `category-lift` asks
    the same of the whole text, in which a kind of word weighs as much as probability hangs on it: this asks kind by
    kind, at the tokens for which it is needed. None where the tokens were not explained one by one (`each_token`), or
    none of them counts.

    Options:
        category: only words of this category, and the tokens that such words decide; all where it is left out.
    """

    name = "evidence-lift"
    bounds = (0.0, np.inf)
    headline = False

    category: Category | None = None

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        categories = categories_of(attribution.features, example)
        wanted = np.array([self.category in (None, each) for each in categories], dtype=bool)
        found = [
            shares(scores)[evidence & wanted].sum() / (evidence & wanted).mean()
            for scores, evidence in explained_tokens(attribution, example)
            if (evidence & wanted).any()
        ]
        return float(np.mean(found)) if found else None
