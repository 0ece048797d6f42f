"""Evidence precision: does the explanation of each written token put the words that decide it first?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from attrimark_registry import Attribution, Example, SpanMetric

from .average_precision import expected_average_precision


class EvidencePrecision(SpanMetric):
    """The average precision of a token's scores against the words that decide it, averaged over a text's tokens.

    A token counts where it writes characters of the reference that spans of kind "rationale" say they decide, as far
    as the text written is the reference. Words that share a character with one of these spans are the evidence; a token
    of which no word or every word is evidence says nothing. Tied scores count as the average over their orders, as in
    `average-precision`. None where the tokens were not explained one by one (`each_token`), or none of them counts.
    """

    name = "evidence-precision"
    oracle = 1.0

    def compare(self, attribution: Attribution, example: Example) -> float | None:
        if attribution.by_token is None or example.reference is None:
            return None
        known = [(span, range(*span.decides)) for span in example.spans if span.kind == "rationale" and span.decides]
        found = []
        written = characters_written(attribution.written, example.reference)
        for scores, characters in zip(attribution.by_token, written, strict=True):
            deciding = [span for span, decided in known if any(each in decided for each in characters)]
            overlaps = [
                [word.overlap(each.segment, each.start, each.end) for each in deciding] for word in attribution.features
            ]
            evidence = np.array([any(each) for each in overlaps])
            if evidence.any() and not evidence.all():
                found.append(expected_average_precision(scores, evidence))
        return float(np.mean(found)) if found else None


def characters_written(written: Sequence[str], reference: str) -> list[list[int]]:
    """For each token of a text the characters of the reference that it writes, by their places.

    White space is left out, since tokenizers change it. A token that writes anything else than the reference writes
    none of it, and neither does any after it.
    """
    places = [place for place, each in enumerate(reference) if not each.isspace()]
    text = "".join("".join(written).split())
    ends = [0, *accumulate(len("".join(piece.split())) for piece in written)]
    agree = [text[place] == reference[each] for place, each in enumerate(places[: len(text)])]
    agreed = agree.index(False) if False in agree else len(agree)
    return [places[start:end] if end <= agreed else [] for start, end in pairwise(ends)]
