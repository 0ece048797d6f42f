"""Evidence precision: does the explanation of each written token put the words that decide it first?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric

from .average_precision import expected_average_precision
from .shared.evidence_of_tokens import explained_tokens


class EvidencePrecision(SpanMetric):
    """The average precision of a token's scores against the words that decide it, averaged over a text's tokens.

    Tokens count that write a part of the reference of which spans of kind "rationale" say what decides it, as far as
    the text written is the reference. Tied scores count as the average over their orders, as in `average-precision`.
    None where the tokens were not explained one by one (`each_token`), or none of them counts.
    """

    name = "evidence-precision"
    oracle = 1.0

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        found = [
            expected_average_precision(scores, evidence) for scores, evidence in explained_tokens(attribution, example)
        ]
        return float(np.mean(found)) if found else None
