"""Run a suite: write its matrix out, compute what the store does not hold yet, store each cell as it is finished."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pluggy
from attrimark_registry.attribution import Record
from attrimark_registry.errors import AttrimarkError

from attrimark.results.bundle import checked
from attrimark.results.outputs_file import outputs_path, read_outputs
from attrimark.results.store import Damaged, Store
from attrimark.suite.matrix import Cell, by_variant, cells_of
from attrimark.suite.suite import Suite

from .coordinator import Coordinator, notify
from .job import Job, Task
from .local import Slot
from .run_cell import Attempt, unfinished

log = logging.getLogger("attrimark.run.scheduler")


def run(suite: Suite, store: Store, slots: Sequence[Slot], observers: pluggy.PluginManager) -> Mapping[str, int]:
    """Run what is missing of a suite; returns the number of its cells by status.

    A finished cell is never run twice: its id is a hash of all that decides its numbers. A metric that is new to a
    finished cell is computed from the stored attributions. Failed cells are tried again.
    """
    return run_cells(suite, cells_of(suite), store, slots, observers)


def run_cells(
    suite: Suite, cells: Sequence[Cell], store: Store, slots: Sequence[Slot], observers: pluggy.PluginManager
) -> Mapping[str, int]:
    """As `run`, of some of a suite's cells."""
    try:
        jobs = _jobs(cells, store)
    except Damaged as error:
        log.warning("%s", error)
        for cell in store.forget_damaged():
            log.warning("cell %s is computed again", cell)
        jobs = _jobs(cells, store)
    pending_cells = sum(len(job.tasks) for job in jobs)
    notify(observers.hook.run_started, suite=suite.name, cells=len(cells), pending=pending_cells)
    try:
        Coordinator(store, observers, suite.timeout).drive(jobs, slots)
    finally:
        summary = Counter(record.status for record in store.records(cell.id for cell in cells).values())
        notify(observers.hook.run_finished, suite=suite.name, summary=dict(summary))
    return summary


def _jobs(cells: Sequence[Cell], store: Store) -> list[Job]:
    settle(cells, store)
    take_over(cells, store)
    return pending(cells, store)


def settle(cells: Sequence[Cell], store: Store) -> None:
    """Record the cells that are known beforehand not to run."""
    known = store.records(cell.id for cell in cells)
    for cell in cells:
        if cell.problem and cell.id not in known:
            store.save(unfinished(cell, Attempt("unsupported", cell.problem)))


def take_over(cells: Sequence[Cell], store: Store) -> None:
    """Results of an earlier version: those that were right get the ids that they have now; of others it is said."""
    known = store.records(cell.id for cell in cells)
    missing = {cell.former_id: cell for cell in cells if cell.id not in known and cell.former_id not in (None, cell.id)}
    formers = store.records(filter(None, missing))
    wrong: Counter[str] = Counter()
    for former in formers:
        cell = missing[former]
        if cell.numerics:
            wrong[", ".join(cell.numerics)] += 1
        else:
            weights = cell.variant.model.former_weights()
            store.rename(former, cell.id, {"weights": weights} if weights else {})
    for kinds, count in wrong.items():
        log.warning("%d stored cells are computed anew: an earlier version had their numbers wrong (%s)", count, kinds)


def pending(cells: Sequence[Cell], store: Store) -> list[Job]:
    """What is missing, variant by variant."""
    records = store.records(cell.id for cell in cells)
    seeds: dict[tuple[Any, ...], list[int]] = {}
    for variant in by_variant(cells):
        seeds.setdefault(variant.origin, []).append(variant.seed)
    weights = {
        str(record.specs["model"]): record.network["weights"]
        for record in records.values()
        if "weights" in record.network
    }
    jobs = []
    for variant, group in by_variant(cells).items():
        tasks = tuple(task for cell in group if (task := _task(cell, records.get(cell.id), store)))
        if tasks:
            known = weights.get(variant.model.written)
            jobs.append(Job(variant, tuple(dict.fromkeys(seeds[variant.origin])), tasks, known))
    return jobs


def _task(cell: Cell, record: Record | None, store: Store) -> Task | None:
    wanted = cell.wanted
    if record is None or record.status == "failed":
        return Task(cell, wanted)
    if record.status == "unsupported":
        return None
    ended = {digest: status for digest, (status, _) in record.metric_status.items()}
    missing = [digest for digest in wanted if ended.get(digest, "failed") == "failed"]
    kept = [address for address in cell.outputs if ended.get(address) == "ok"]
    missing += [address for address in kept if not _is_intact(read_outputs, outputs_path(store.folder, address))]
    bundle = record.bundle
    if cell.method is not None and not (bundle and _is_intact(checked, store.bundle_path(bundle))):
        return Task(cell, wanted)
    return Task(cell, tuple(missing), bundle, stored=True) if missing else None


def _is_intact(read: Callable[[Path], Any], path: Path) -> bool:
    """Whether a file is what was written; where it is not, what it held is computed again."""
    try:
        read(path)
    except AttrimarkError as error:
        log.warning("%s", error)
        return False
    return True
