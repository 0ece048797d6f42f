"""Measures as the store keeps them: one row for each metric and operator, its values in the order of its texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, overload

import numpy as np
from attrimark_registry.attribution import Measure
from jaxtyping import Bool, Float


@dataclass(frozen=True, eq=False)
class Values:
    """One metric's values on one cell under one operator.

    Attributes:
        metric: content hash of the metric's identity.
        operator: "" for metrics that remove nothing.
        texts: ids of the examples.
        blob: a float64 for each text, then a byte for each: 1 where the metric applies, 0 where it does not; then the
            values in other orders of the words, a float32 for each text and order, NaN where there is none.
        notes: the diagnostics of each text as JSON; "" where none has any.
    """

    metric: str
    operator: str
    texts: tuple[str, ...]
    blob: bytes
    notes: str

    @cached_property
    def values(self) -> Float[np.ndarray, " texts"]:
        """NaN where a value is invalid; of no meaning where the metric does not apply."""
        return np.frombuffer(self.blob, dtype="<f8", count=len(self.texts))

    @cached_property
    def applies(self) -> Bool[np.ndarray, " texts"]:
        return np.frombuffer(self.blob, dtype="?", offset=8 * len(self.texts), count=len(self.texts))

    @cached_property
    def permuted(self) -> Float[np.ndarray, "texts orders"]:
        """In other orders of the words; no columns where none were asked for."""
        return np.frombuffer(self.blob, dtype="<f4", offset=9 * len(self.texts)).reshape(len(self.texts), -1)

    @cached_property
    def diagnostics(self) -> list[dict[str, float]]:
        return json.loads(self.notes) if self.notes else [{} for _ in self.texts]

    def measures(self) -> Iterator[Measure]:
        for text, value, applies, notes, permuted in zip(
            self.texts, self.values.tolist(), self.applies.tolist(), self.diagnostics, self.permuted, strict=True
        ):
            orders = () if np.isnan(permuted).all() else tuple(permuted.tolist())
            yield Measure(self.metric, text, self.operator, value if applies else None, notes, orders)


class StoredMeasures(Sequence[Measure]):
    """The measures of a record that was read, made one by one when they are asked for."""

    def __init__(self, rows: Sequence[Values]) -> None:
        self.rows = tuple(rows)

    def __len__(self) -> int:
        return sum(len(row.texts) for row in self.rows)

    def __iter__(self) -> Iterator[Measure]:
        return (measure for row in self.rows for measure in row.measures())

    @overload
    def __getitem__(self, index: int) -> Measure: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Measure, ...]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


def rows_of(measures: Sequence[Measure]) -> Sequence[Values]:
    """The measures of a record as rows, whether it was read or was just made."""
    return measures.rows if isinstance(measures, StoredMeasures) else packed(measures)


def packed(measures: Iterable[Measure]) -> list[Values]:
    """Rows in the order in which their metric and operator come first.

    Raises:
        ValueError: two measures are of one metric, operator and text.
    """
    rows: dict[tuple[str, str], dict[str, Measure]] = {}
    for measure in measures:
        row = rows.setdefault((measure.metric, measure.operator), {})
        if row.setdefault(measure.example, measure) is not measure:
            raise ValueError(f"two measures of {measure.metric} on {measure.example} under {measure.operator!r}")
    return [_values(metric, operator, row) for (metric, operator), row in rows.items()]


def _values(metric: str, operator: str, row: dict[str, Measure]) -> Values:
    applies = np.array([each.value is not None for each in row.values()])
    values = np.array([0.0 if each.value is None else each.value for each in row.values()], dtype="<f8")
    notes = [{name: float(value) for name, value in each.diagnostics.items()} for each in row.values()]
    orders = max(len(each.permuted) for each in row.values())
    missing = (np.nan,) * orders
    permuted = np.array([each.permuted or missing for each in row.values()], dtype="<f4")
    blob = values.tobytes() + applies.tobytes() + permuted.tobytes()
    return Values(metric, operator, tuple(row), blob, json.dumps(notes) if any(notes) else "")
