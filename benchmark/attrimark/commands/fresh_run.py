"""A suite's cells computed for a comparison: in a store of their own, so that no old number stands for changed code."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pluggy
from attrimark_registry.attribution import Attribution, Record

from attrimark.results.bundle import read_bundle
from attrimark.results.redaction import Telling, everything
from attrimark.results.store import Store
from attrimark.run.local import Slot
from attrimark.run.scheduler import run_cells
from attrimark.studies.regression.recorded import Recorded
from attrimark.studies.regression.recording import matching, means_by_group, names_of, taken
from attrimark.suite.matrix import Cell, cells_of
from attrimark.suite.suite import Suite


@dataclass(frozen=True)
class Run:
    """How to compute.

    Attributes:
        slots: none: take what is stored, compute nothing.
        only: a pattern of cell names; None for all.
    """

    suite: Suite
    store: Store
    slots: Sequence[Slot]
    observers: pluggy.PluginManager
    only: str | None = None

    @property
    def cells(self) -> tuple[list[Cell], dict[str, str]]:
        """The cells asked for, and the names of these."""
        cells = cells_of(self.suite)
        names = matching(names_of(cells), self.only)
        return [cell for cell in cells if cell.id in names], names

    def taken(self, primary: tuple[str, ...] = (), store_text: bool = True) -> Recorded:
        """Compute what the store lacks, and everything as it would be recorded."""
        cells, names = self.cells
        if self.slots:
            run_cells(self.suite, cells, self.store, self.slots, self.observers)
        records = self.store.records(cell.id for cell in cells)
        return taken(self.suite.name, cells, names, records, self._bundle, primary=primary, store_text=store_text)

    def reseeded(self, seeds: int) -> Recorded:
        """The suite with more training seeds: its own, and the next numbers, as many as asked for."""
        matrices = tuple(replace(each, seeds=_more(each.seeds, seeds)) for each in self.suite.matrices)
        return replace(self, suite=replace(self.suite, matrices=matrices)).taken()

    def _bundle(self, record: Record) -> list[Attribution]:
        return read_bundle(self.store.bundle_path(record.bundle)) if record.bundle else []


class Interrupted(Exception):
    """Ctrl-C, and the folder where finished cells are kept; None where they are not."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__("interrupted")
        self.folder = folder


@contextmanager
def store_at(folder: Path | None, keep: bool = True, telling: Telling = everything) -> Iterator[Store]:
    """That store, or a fresh one that is removed afterwards.

    Args:
        keep: leave a fresh one behind when it is interrupted, so that the work can be taken up again.
        telling: what is told of reasons.

    Raises:
        Interrupted: in the place of KeyboardInterrupt.
    """
    if folder is not None:
        try:
            with Store(folder, telling) as store:
                yield store
        except KeyboardInterrupt:
            raise Interrupted(folder) from None
        return
    fresh = Path(tempfile.mkdtemp(prefix="attrimark-"))
    kept = False
    try:
        with Store(fresh, telling) as store:
            yield store
    except KeyboardInterrupt:
        kept = keep
        raise Interrupted(fresh if keep else None) from None
    finally:
        if not kept:
            shutil.rmtree(fresh, ignore_errors=True)


def spread_of(reseeded: Recorded) -> dict[str, dict[str, tuple[float, ...]]]:
    """The means that a recorded file keeps of reseeded models: of groups that have more than one."""
    found = {
        group: {metric: means for metric, means in of.items() if len(means) > 1}
        for group, of in means_by_group(reseeded).items()
    }
    return {group: of for group, of in found.items() if of}


def _more(seeds: tuple[int, ...], count: int) -> tuple[int, ...]:
    following = range(max(seeds) + 1, max(seeds) + 1 + max(0, count - len(seeds)))
    return (*seeds, *following)
