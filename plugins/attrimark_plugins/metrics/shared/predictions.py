"""What a model decides, of the texts that it can take."""

from __future__ import annotations

from collections.abc import Sequence

from attrimark_registry import Encoded, Example, Model, Unsupported


def encodable(model: Model, examples: Sequence[Example]) -> dict[int, Encoded]:
    """The rows of the texts that the model can take, by the text's place.

    Raises:
        Unsupported: it can take none of them; the reason is that of the first.
    """
    rows: dict[int, Encoded] = {}
    refusals: list[Unsupported] = []
    for place, example in enumerate(examples):
        try:
            rows[place] = model.encode(example)
        except Unsupported as refusal:
            refusals.append(refusal)
    if refusals and not rows:
        raise refusals[0]
    return rows


def predicted_by_length(model: Model, rows: Sequence[Encoded]) -> list[int]:
    """The most probable label of each row, in the rows' order; computed by length, so that little is padding."""
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    best = dict(zip(order, model.predict([rows[place] for place in order]), strict=True))
    return [best[place] for place in range(len(rows))]
