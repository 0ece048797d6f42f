"""Asking a network for the raw outputs of all rationales of one cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from attrimark_registry.attribution import Attribution
from attrimark_registry.encoding import Encoded, Target
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.plugin import SubsetMethod
from attrimark_registry.ranking import length, selections
from attrimark_registry.removal import Operator
from jaxtyping import Bool, Float

from attrimark.results.raw_outputs import NO_LABEL, RawOutputs
from attrimark.suite.choices import Choices, Pooling
from attrimark.suite.matrix import Cell

from .attribute import pooled
from .measure import judged_rows
from .prepare import Prepared
from .randomness import generator_of

_FULL, _EMPTY = 0, 1  # the places of the first subsets that are asked for of each text


def raw_outputs(prepared: Prepared, cell: Cell, choices: Choices, attributions: Sequence[Attribution]) -> RawOutputs:
    """Ask the network for all rationales of a cell, the kept and the removed, under every operator.

    Raises:
        Unsupported: an operator is not for this model; its head does not decide for one of several labels.
        AttrimarkError: another pooling needs scores of tokens, which were not kept.
    """
    if prepared.model.labels:
        prepared.model.require_one_of_labels()
    operators = cell.operators or prepared.operators
    for operator in operators:
        prepared.require(operator)
    rows = judged_rows(prepared, "predicted", attributions)
    asked = [_Asked(each, cell, choices) for each in attributions]
    wanted: list[tuple[Encoded, Operator, np.ndarray]] = [
        (rows[each.example.id], operator, np.stack(asks.subsets))
        for each, asks in zip(attributions, asked, strict=True)
        for operator in operators
    ]
    found = prepared.evaluator.outputs(wanted)
    width = max(each.shape[1] for each in found)
    starts = np.cumsum([0, *map(len, found)])[:-1].reshape(len(asked), len(operators))
    shape = len(asked), len(operators), len(choices.poolings), len(choices.lengths)
    rationales = [
        (np.ravel_multi_index((text, place, *each.choice), shape), start + each.kept, start + each.removed, each.weight)
        for text, asks in enumerate(asked)
        for place, start in enumerate(starts[text])
        for each in asks.rationales
    ]
    index, kept, removed, weights = zip(*rationales, strict=True)
    names = prepared.model.labels
    return RawOutputs(
        texts=tuple(each.example.id for each in attributions),
        labels=names,
        operators=operators,
        poolings=choices.poolings,
        lengths=choices.lengths,
        outputs=np.concatenate([np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in found]),
        text=np.repeat(np.arange(len(asked)), [len(operators) * len(asks.subsets) for asks in asked]),
        full=starts[:, 0] + _FULL,
        empty=starts + _EMPTY,
        rationale=np.array(index, dtype=np.int64),
        kept=np.array(kept, dtype=np.int64),
        removed=np.array(removed, dtype=np.int64),
        weights=np.array(weights, dtype=np.float64),
        predicted=np.stack([_mask(rows[each.example.id].target, width) for each in attributions]),
        explained=np.stack([_mask(each.target, width) for each in attributions]),
        gold=np.array([_gold(each.example.label, names) for each in attributions], dtype=np.int64),
    )


def poolable(cell: Cell, choices: Choices, attributions: Sequence[Attribution]) -> bool:
    """Whether all of the poolings can be made of the attributions: token scores were not always kept."""
    if isinstance(cell.method, SubsetMethod) or set(choices.poolings) <= {cell.pooling}:
        return True
    return all(each.unpooled is not None for each in attributions)


class _Rationale(NamedTuple):
    """One rationale of a text: the places of its pooling and its length, and of its subsets."""

    choice: tuple[int, int]
    kept: int
    removed: int
    weight: float


class _Asked:
    """The subsets of one text, each once, and the rationales that they are of."""

    def __init__(self, attribution: Attribution, cell: Cell, choices: Choices) -> None:
        count = len(attribution.features)
        self.subsets: list[Bool[np.ndarray, " features"]] = []
        self._places: dict[bytes, int] = {}
        for ends in (True, False):
            self._place(np.full(count, ends))
        self.rationales: list[_Rationale] = []
        for pooling, name in enumerate(choices.poolings):
            scores = _scores(attribution, cell, name)
            for size, share in enumerate(choices.lengths):
                # ties are broken alike for all methods of a text
                rng = generator_of(cell.suite_seed, "ties", attribution.example.id, share)
                keeps, weights = selections(scores, length(share, count), rng)
                self.rationales += [
                    _Rationale((pooling, size), self._place(keep), self._place(~keep), float(weight))
                    for keep, weight in zip(keeps, weights, strict=True)
                ]

    def _place(self, keep: Bool[np.ndarray, " features"]) -> int:
        place = self._places.setdefault(keep.tobytes(), len(self.subsets))
        if place == len(self.subsets):
            self.subsets.append(keep)
        return place


def _scores(attribution: Attribution, cell: Cell, pooling: Pooling) -> Float[np.ndarray, " features"]:
    """The scores as they are, or of their tokens pooled in another way."""
    if pooling == cell.pooling or isinstance(cell.method, SubsetMethod):
        return attribution.scores
    if attribution.unpooled is None or attribution.feature_of is None:
        raise AttrimarkError(f"{cell.method}: its token scores were not kept, so they cannot be pooled by {pooling}")
    return pooled(attribution.unpooled, attribution.feature_of, len(attribution.features), pooling)


def _mask(target: Target | None, width: int) -> Bool[np.ndarray, " outputs"]:
    if target is None:
        raise ValueError("a row that is judged has a target")
    return np.isin(np.arange(width), target.chosen)


def _gold(label: str | None, names: Sequence[str]) -> int:
    return names.index(label) if label in names else NO_LABEL
