"""Lexicon agreement: do scores follow the ratings that people gave to words out of context?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric


class LexiconAgreement(SpanMetric):
    """The weighted share of feature pairs that scores order as a signed lexicon does; constant scores: 1/2.

    A concordance index: each pair of features with different weights counts by that difference, half where
    the scores tie. A feature weighs the sum of its spans of kind "lexicon", 0 outside the lexicon; weights
    change sign where another label than `positive` is explained. A lexicon knows no context, and its words
    often oppose the sentence they stand in, so this is no measure of plausibility and stays out of the main
    table.
    """

    name = "lexicon-agreement"
    oracle = 1.0
    headline = False

    positive: str = "positive"

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        side = 1 if attribution.explained == self.positive else -1
        spans = [span for span in example.spans if span.kind == "lexicon"]
        weights = np.array(
            [
                side * sum(span.weight for span in spans if each.overlap(span.segment, span.start, span.end))
                for each in attribution.features
            ]
        )
        scores = attribution.scores
        heavier = np.maximum(weights[:, None] - weights, 0.0)  # each pair once: from its heavier feature
        if not heavier.any():
            return None
        ordered = (1 + np.sign(scores[:, None] - scores)) / 2
        return float((heavier * ordered).sum() / heavier.sum())
