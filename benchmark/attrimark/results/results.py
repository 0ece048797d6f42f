"""A suite with what is stored of it: every record, and every bundle of attributions, is read at most once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from attrimark_registry.attribution import Attribution, Record
from attrimark_registry.plugin import Metric, ModelMethod

from attrimark.suite.matrix import Cell, cells_of
from attrimark.suite.suite import Suite

from .bundle import read_bundle
from .store import Store


@dataclass(frozen=True, eq=False)
class Results:
    """What studies read.

    Attributes:
        store: open for as long as anything is read.
    """

    suite: Suite
    store: Store
    _bundles: dict[str, Sequence[Attribution]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def cells(self) -> list[Cell]:
        """All of the suite's, in its order."""
        return cells_of(self.suite)

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """Those of the suite by digest, in its order."""
        return metrics_of(self.cells)

    @cached_property
    def records(self) -> Mapping[str, Record]:
        """By cell, those that have an outcome; their parts are called as the suite calls them."""
        return shown(self.store.records(cell.id for cell in self.cells), self.cells)

    def ok(self, cell: Cell) -> Record | None:
        """Its record, where it has one that is ok."""
        record = self.records.get(cell.id)
        return record if record is not None and record.status == "ok" else None

    def attributions(self, record: Record) -> Sequence[Attribution]:
        """Its explanations; none where it keeps none.

        Raises:
            AttrimarkError: the bundle cannot be read.
        """
        if record.bundle is None:
            return ()
        if record.bundle not in self._bundles:
            self._bundles[record.bundle] = read_bundle(self.store.bundle_path(record.bundle))
        return self._bundles[record.bundle]

    def explained(self, record: Record) -> Mapping[str, str]:
        """The label that it explains, by text."""
        return {each.example.id: each.explained for each in self.attributions(record)}


def metrics_of(cells: Sequence[Cell]) -> dict[str, Metric]:
    """The metrics that judge these cells by digest, in their order."""
    return {digest: metric for cell in cells for digest, metric in cell.judgements.items()}


def shown(records: Mapping[str, Record], cells: Iterable[Cell]) -> dict[str, Record]:
    """Records by cell, their parts called as a suite calls them, and with the operators of a method's reference."""
    specs = {cell.id: {**(cell.names if cell.has_own_names else {}), **_of_reference(cell)} for cell in cells}
    return {
        cell: replace(record, specs={**record.specs, **specs[cell]}) if specs.get(cell) else record
        for cell, record in records.items()
    }


def _of_reference(cell: Cell) -> Mapping[str, str]:
    """What a method that sees the network made its reference of: in tables it is at home there."""
    operators = cell.method.reference_operators if isinstance(cell.method, ModelMethod) else ()
    return {"operator": "+".join(operators)} if operators else {}
