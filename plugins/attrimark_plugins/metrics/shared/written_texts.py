"""What a model writes after each text, written once for all metrics that compare it with the reference."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from weakref import WeakKeyDictionary

from attrimark_registry import Example, Model, Unsupported, Writer, smaller_on_exhaustion

from .contributions_of_texts import weights_of
from .predictions import encodable

ROWS_A_BATCH = 16

# metrics look at one model after another on the same texts: the last ones of each model that is still there
_known: WeakKeyDictionary[Model, tuple[Hashable, dict[int, str]]] = WeakKeyDictionary()


def written_and_references(model: Model, examples: Sequence[Example]) -> dict[int, tuple[str, str]]:
    """The greedy text of at most the writer's own number of tokens, and the reference, by the example's place.

    Examples without a reference, and those that the model cannot take, are left out.

    Raises:
        Unsupported: the model decides between labels; no text has a reference; it can take none of those that have.
    """
    if not isinstance(model, Writer):
        raise Unsupported("a model that decides between labels writes no text to compare with a reference")
    if all(example.reference is None for example in examples):
        raise Unsupported("none of the texts has a reference to compare what is written with")
    key = tuple(examples), model.most, weights_of(model)
    if model not in _known or _known[model][0] != key:
        _known[model] = key, _written(model, examples)
    return {place: (text, examples[place].reference or "") for place, text in _known[model][1].items()}


def _written(model: Writer, examples: Sequence[Example]) -> dict[int, str]:
    referred = [place for place, example in enumerate(examples) if example.reference is not None]
    rows = {referred[place]: row for place, row in encodable(model, [examples[each] for each in referred]).items()}
    texts: dict[int, str] = {}

    def write(places: Sequence[int]) -> None:
        texts.update(zip(places, model.generate([rows[place] for place in places], model.most), strict=True))

    order = sorted(rows, key=lambda place: len(rows[place]))  # rows of like length, so that little is padding
    with model.active():
        for start in range(0, len(order), ROWS_A_BATCH):
            smaller_on_exhaustion(write, order[start : start + ROWS_A_BATCH])
    return texts
