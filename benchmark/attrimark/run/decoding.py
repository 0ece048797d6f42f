"""What a prompted model writes after many rows, and the label in it: the generated reading, for the evaluator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from attrimark_registry.encoding import Encoded
from attrimark_registry.errors import Unsupported
from attrimark_registry.greedy import greedy, limits_of
from attrimark_registry.model import Model
from attrimark_registry.prompt_classifier import PromptClassifier
from attrimark_registry.reading import NO_LABEL

TOKENS = 16  # of an answer: as many as `accuracy` and `parse-rate` read, unless they are told otherwise


class Said(NamedTuple):
    """An answer.

    Attributes:
        label: the index of the label in it, or NO_LABEL.
        steps: how many tokens were written, the one that ends it among them.
    """

    label: int
    steps: int


def said(model: Model, rows: Sequence[Encoded], cached: bool) -> list[Said]:
    """The label in each row's greedy answer of at most `TOKENS` tokens.

    Args:
        cached: keep keys and values from one token to the next; only where the network is known to take them.

    Raises:
        Unsupported: the model is not asked in words.
    """
    if not isinstance(model, PromptClassifier):
        raise Unsupported("only a model that is asked in words writes an answer: use the constrained one")
    limits = limits_of(model, rows, TOKENS)
    written = greedy(model, rows, limits, cached)
    labels = [model.parse(model.tokenizer.decode(ids, skip_special_tokens=True)) for ids in written]
    return [
        Said(NO_LABEL if label is None else model.labels.index(label), min(len(ids) + 1, limit))
        for label, ids, limit in zip(labels, written, limits, strict=True)
    ]
