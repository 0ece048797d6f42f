"""A suite's records as one store holds them, also where an earlier version of a plugin computed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrimark.results.results import metrics_of, shown
from attrimark.results.store import Store
from attrimark.suite.matrix import Cell

from .two_runs import Run


def stored_run(name: str, cells: Sequence[Cell], store: Store) -> Run:
    """The records of those cells: by content where they are there, else the latest one of the same specs.

    A cell's content hash changes with a plugin's version, the texts or the weights; its specs are what people name.
    """
    found = store.records(cell.id for cell in cells)
    if len(found) < len(cells):
        others = store.records(cell for cell in store.cells() if cell not in found)
        latest = {_key(record.specs): record for record in others.values()}
        for cell in cells:
            if cell.id not in found and _key(cell.specs) in latest:
                found[cell.id] = latest[_key(cell.specs)]
    return Run(name, list(shown(found, cells).values()), metrics_of(cells))


def _key(specs: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    # which operator a model took by default is known only once it ran
    return tuple(sorted((name, repr(value)) for name, value in specs.items() if name != "operator"))
