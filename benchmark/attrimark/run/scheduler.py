"""Run a suite: write its matrix out, compute what the store does not hold yet, store each cell as it is finished."""

from __future__ import annotations

import logging
import queue
import traceback
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pluggy
from attrimark_registry.attribution import Cost, Measure, Record

from attrimark.results.outputs_file import outputs_path
from attrimark.results.store import Damaged, Store
from attrimark.suite.matrix import Cell, by_variant, cells_of
from attrimark.suite.suite import Suite

from .job import Job, Task, to_json
from .local import Slot, Worker
from .run_cell import Attempt, unfinished

log = logging.getLogger("attrimark.run.scheduler")

NO_RESULT = "gave no result"
CRASHES = 2  # how often a cell may take its worker down before it is recorded as failed


def run(suite: Suite, store: Store, slots: Sequence[Slot], observers: pluggy.PluginManager) -> Mapping[str, int]:
    """Run what is missing of a suite; returns the number of its cells by status.

    A finished cell is never run twice: its id is a hash of all that decides its numbers. A metric that is new to a
    finished cell is computed from the stored attributions. Failed cells are tried again.
    """
    return run_cells(suite.name, cells_of(suite), store, slots, observers)


def run_cells(
    suite: str, cells: Sequence[Cell], store: Store, slots: Sequence[Slot], observers: pluggy.PluginManager
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
    _tell(observers.hook.run_started, suite=suite, cells=len(cells), pending=pending_cells)
    try:
        execute(jobs, store, slots, observers)
    finally:
        summary = Counter(record.status for record in store.records(cell.id for cell in cells).values())
        _tell(observers.hook.run_finished, suite=suite, summary=dict(summary))
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
    missing += [address for address in kept if not outputs_path(store.folder, address).exists()]
    if cell.method is not None and not (record.bundle and store.bundle_path(record.bundle).exists()):
        return Task(cell, wanted)
    return Task(cell, tuple(missing), record.bundle) if missing else None


@dataclass(eq=False)
class _Assignment:
    """The job that a worker is at, and what is left of it."""

    job: Job
    left: dict[str, Task]
    running: str | None = None


def execute(jobs: Sequence[Job], store: Store, slots: Sequence[Slot], observers: pluggy.PluginManager) -> None:
    """Drive one worker a slot until every job is done; only this process writes the store."""
    inbox: queue.Queue[tuple[Worker, dict[str, Any] | None]] = queue.Queue()
    waiting, crashes = deque(jobs), Counter[str]()
    at: dict[Worker, _Assignment | None] = {Worker(slot, store.folder, inbox): None for slot in slots[: len(jobs)]}
    try:
        while waiting or any(at.values()):
            worker, message = inbox.get()
            if message is None:
                _bury(worker, at, waiting, crashes, store, observers)
                at[Worker(worker.slot, store.folder, inbox)] = None
            elif message.get("event") in ("ready", "done"):
                if (left := at[worker]) and left.left:
                    _requeue(left, NO_RESULT, tuple(left.left), waiting, crashes, store, observers)
                at[worker] = _next(worker, waiting)
            else:
                _heed(message, at[worker], store, observers)
    finally:
        for worker in at:
            worker.end()


def _next(worker: Worker, waiting: deque[Job]) -> _Assignment | None:
    if not waiting:
        return None
    job = waiting.popleft()
    worker.send(to_json(job))
    return _Assignment(job, {task.cell.id: task for task in job.tasks})


def _requeue(
    assignment: _Assignment,
    reason: str,
    suspects: Collection[str],
    waiting: deque[Job],
    crashes: Counter[str],
    store: Store,
    observers: pluggy.PluginManager,
) -> None:
    """What is left of a job waits again; a suspect that was lost too often is recorded as failed.

    Args:
        reason: how the worker lost them.
    """
    crashes.update(suspects)
    for suspect in suspects:
        if crashes[suspect] > CRASHES:
            cell = assignment.left.pop(suspect).cell
            record = unfinished(cell, Attempt("failed", f"its worker {reason}, {CRASHES + 1} times", "crashed"))
            store.save(record)
            _announce(record, cell, observers)
    if assignment.left:
        waiting.appendleft(replace(assignment.job, tasks=tuple(assignment.left.values())))


def _heed(
    message: Mapping[str, Any], assignment: _Assignment | None, store: Store, observers: pluggy.PluginManager
) -> None:
    """What a worker says of its job; a word of anything else is no word of ours, and is ignored."""
    event, cell = message.get("event"), message.get("cell") or message.get("record", {}).get("cell")
    if assignment is None or (event != "advanced" and cell not in assignment.left):
        log.warning("a worker says %r of what it has no part in: ignored", event)
    elif event == "started":
        assignment.running = message["cell"]
    elif event == "advanced":
        told = {name: message[name] for name in ("variant", "stage", "done", "total")}
        _tell(observers.hook.work_advanced, **told)
    elif event == "finished":
        record = record_of(message["record"])
        assignment.running = None
        task = assignment.left.pop(record.cell)
        _save(record, task, message["spooled"], store)
        _announce(record, task.cell, observers)


def _announce(record: Record, cell: Cell, observers: pluggy.PluginManager) -> None:
    """A finished cell, whose parts are called as the suite calls them."""
    _tell(observers.hook.cell_finished, record=replace(record, specs={**record.specs, **cell.names}))


def _tell(hook: Callable[..., Any], **told: Any) -> None:
    """Observers may be strangers' code: what they raise ends no run."""
    try:
        hook(**told)
    except Exception:
        log.warning("an observer failed:\n%s", traceback.format_exc())


def _save(record: Record, task: Task, spooled: str | None, store: Store) -> None:
    """A new cell whole; only the new metrics where the attributions were there already."""
    if spooled or task.bundle is None:
        bundle = store.adopt(Path(spooled)) if spooled else None
        store.save(replace(record, bundle=bundle))
        return
    for digest, (status, reason) in record.metric_status.items():
        measures = [each for each in record.measures if each.metric == digest]
        store.save_metric(record.cell, digest, status, reason, measures)


def _bury(
    worker: Worker,
    at: dict[Worker, _Assignment | None],
    waiting: deque[Job],
    crashes: Counter[str],
    store: Store,
    observers: pluggy.PluginManager,
) -> None:
    """A worker died: the cell it was at is tried again, or recorded as failed; the rest of its job waits again."""
    assignment, reason = at.pop(worker), worker.death()
    worker.end()
    if assignment is None:
        crashes["before any job"] += 1
        if crashes["before any job"] > CRASHES:
            where = "are not shown: store_text = false" if worker.slot.discreet else "stand above"
            raise RuntimeError(f"workers cannot start: the last one {reason}; its messages {where}")
        return
    # a death while the network is prepared is charged to the first cell
    suspect = assignment.running or next(iter(assignment.left), None)
    suspects = () if suspect is None else (suspect,)
    _requeue(assignment, reason, suspects, waiting, crashes, store, observers)


def record_of(data: Mapping[str, Any]) -> Record:
    """A record that travelled as JSON."""
    return Record(
        **{
            **data,
            "own": Cost(**data["own"]),
            "actual": Cost(**data["actual"]),
            "measures": tuple(Measure(**measure) for measure in data["measures"]),
            "metric_status": {digest: tuple(status) for digest, status in data["metric_status"].items()},
        }
    )
