"""Average precision: do the words that people marked come first?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric
from jaxtyping import Bool, Float


class AveragePrecision(SpanMetric):
    """The mean precision at the places of marked features in the ranking; 1 where all of them come first.

    A feature is marked if it shares a character with a span of kind "rationale". Texts in which none or all
    are marked say nothing. Tied scores count as the average over their orders, where scikit-learn takes them
    as one step: constant scores get what a random ranking gets.
    """

    name = "average-precision"
    oracle = 1.0

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        spans = [span for span in example.spans if span.kind == "rationale"]
        marked = np.array(
            [any(each.overlap(span.segment, span.start, span.end) for span in spans) for each in attribution.features]
        )
        if not marked.any() or marked.all():
            return None
        return expected_average_precision(attribution.scores, marked)


def expected_average_precision(scores: Float[np.ndarray, " features"], marked: Bool[np.ndarray, " features"]) -> float:
    """Average precision, in closed form over all orders of tied scores (McSherry & Najork, ECIR 2008).

    A group of g tied features, r of them marked, follows t features, R of them marked. Its i-th place holds a
    marked feature with probability r/g, which then finds 1 + R + (i − 1)(r − 1)/(g − 1) marked ones among the
    first t + i.
    """
    total, before, found = 0.0, 0, 0
    for score in np.unique(scores)[::-1]:
        tied = scores == score
        size, hits = int(tied.sum()), int(marked[tied].sum())
        place = np.arange(1, size + 1)
        others = (place - 1) * (hits - 1) / max(size - 1, 1)
        total += hits / size * ((found + 1 + others) / (before + place)).sum()
        before, found = before + size, found + hits
    return float(total / found)
