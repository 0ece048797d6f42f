"""Which words decide each token of a written text, where the reference says which words decide its characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
from attrimark_registry import Attribution, Example
from jaxtyping import Bool, Float


def explained_tokens(
    attribution: Attribution, example: Example
) -> Iterator[tuple[Float[np.ndarray, " features"], Bool[np.ndarray, " features"]]]:
    """The scores of each written token, and the words that decide it: its evidence.

    A token counts where it writes characters of the reference that spans of kind "rationale" say they decide, as far
    as the text written is the reference. Words that share a character with one of these spans are the evidence; a token
    of which no word or every word is evidence says nothing, and is left out. So are all where the tokens were not
    explained one by one.
    """
    if attribution.by_token is None or example.reference is None:
        return
    known = [(span, range(*span.decides)) for span in example.spans if span.kind == "rationale" and span.decides]
    written = characters_written(attribution.written, example.reference)
    for scores, characters in zip(attribution.by_token, written, strict=True):
        deciding = [span for span, decided in known if any(each in decided for each in characters)]
        evidence = np.array(
            [
                any(word.overlap(each.segment, each.start, each.end) for each in deciding)
                for word in attribution.features
            ]
        )
        if evidence.any() and not evidence.all():
            yield scores, evidence


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
