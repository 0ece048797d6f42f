"""Workers driven until every job is done: what they say is stored, and what they lose is tried again.

Nothing that a plugin does to its worker ends a run: it may die, hang, fork, or say what it should not.
"""

from __future__ import annotations

import logging
import queue
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pluggy
from attrimark_registry.attribution import Cause, Cost, Measure, Record
from attrimark_registry.errors import AttrimarkError

from attrimark.results.store import Store
from attrimark.suite.duration import spelled
from attrimark.suite.matrix import Cell

from .job import Job, Task, to_json
from .local import Slot, Worker
from .run_cell import Attempt, unfinished

log = logging.getLogger("attrimark.run.coordinator")

CRASHES = 2  # how often a cell may take its worker down before it is recorded as failed
# seconds without a sign of progress that end a cell of a suite without a timeout: metrics of the model give none while
# they run, and may take hours on large networks
SILENCE = 6 * 3600.0


@dataclass(eq=False)
class Assignment:
    """The job that a worker is at, and what is left of it.

    Attributes:
        running: the cell that it is at.
        prepared: whether the network is there: what came before is the training of the whole variant.
        since: when the preparation, or the cell that is running, began.
        sign: when the worker last said anything.
        overdue: why it was ended, if so.
    """

    job: Job
    left: dict[str, Task]
    running: str | None = None
    prepared: bool = False
    since: float = field(default_factory=time.monotonic)
    sign: float = field(default_factory=time.monotonic)
    overdue: str | None = None

    def deadline(self, limit: float | None) -> float:
        """When it is considered to hang, by the clock of `time.monotonic`.

        Args:
            limit: seconds that a cell or a training may take; None where the suite states none.
        """
        if limit is not None:
            return self.since + limit
        return self.sign + SILENCE if self.prepared else float("inf")

    def why(self, limit: float | None) -> str:
        """Why it is ended at its deadline."""
        if limit is None:
            return f"it gave no sign of progress for {spelled(SILENCE)}"
        return f"{'it' if self.prepared else 'its training'} took longer than {spelled(limit)} (timeout)"


@dataclass(eq=False)
class Coordinator:
    """The one process that writes the store.

    Attributes:
        limit: seconds that a cell, or the training of a variant, may take.
        crashes: how often a cell took its worker down.
        silent: how many workers died before they were ready.
    """

    store: Store
    observers: pluggy.PluginManager
    limit: float | None = None
    waiting: deque[Job] = field(default_factory=deque)
    crashes: Counter[str] = field(default_factory=Counter)
    at: dict[Worker, Assignment | None] = field(default_factory=dict)
    ready: set[Worker] = field(default_factory=set)
    silent: int = 0
    inbox: queue.Queue[tuple[Worker, dict[str, Any] | None]] = field(default_factory=queue.Queue)

    def drive(self, jobs: Sequence[Job], slots: Sequence[Slot]) -> None:
        """One worker a slot, until every job is done.

        Raises:
            RuntimeError: no worker can be started.
        """
        self.waiting.extend(jobs)
        for slot in slots[: len(jobs)]:
            self._start(slot)
        try:
            while self.waiting or any(self.at.values()):
                try:
                    worker, message = self.inbox.get(timeout=self._until_deadline())
                except queue.Empty:
                    self._end_overdue()
                    continue
                if message is None:
                    self._bury(worker)
                elif message.get("event") in ("ready", "done"):
                    self._next(worker)
                else:
                    self._heed(message, worker)
        finally:
            for worker in self.at:
                worker.end()

    def _start(self, slot: Slot) -> None:
        self.at[Worker(slot, self.store.folder, self.inbox)] = None

    def _until_deadline(self) -> float | None:
        """Seconds until some worker is considered to hang; None where none ever is."""
        deadlines = [each.deadline(self.limit) for each in self.at.values() if each and not each.overdue]
        first = min(deadlines, default=float("inf"))
        return None if first == float("inf") else max(0.0, first - time.monotonic())

    def _end_overdue(self) -> None:
        """Workers that hang are ended with all that they started; their death is heard of as any other."""
        for worker, assignment in self.at.items():
            late = assignment and not assignment.overdue and time.monotonic() >= assignment.deadline(self.limit)
            if assignment and late:
                assignment.overdue = assignment.why(self.limit)
                worker.kill()

    def _next(self, worker: Worker) -> None:
        """Its next job; what it says is done, and gave no result of, is tried again."""
        self.ready.add(worker)
        assignment = self.at[worker]
        if assignment and assignment.left:
            self._requeue(assignment, "gave no result", tuple(assignment.left))
        self.at[worker] = None
        if self.waiting:
            job = self.waiting.popleft()
            worker.send(to_json(job))
            self.at[worker] = Assignment(job, {task.cell.id: task for task in job.tasks})

    def _heed(self, message: Mapping[str, Any], worker: Worker) -> None:
        """What a worker reports of its job; anything else is logged and ignored."""
        assignment = self.at[worker]
        event, cell = message.get("event"), message.get("cell") or message.get("record", {}).get("cell")
        if assignment is None or (event != "advanced" and cell not in assignment.left):
            log.warning("a worker reports %r of a cell that is not its own: ignored", event)
            return
        assignment.sign = time.monotonic()
        if event == "started":
            assignment.running, assignment.prepared, assignment.since = message["cell"], True, assignment.sign
        elif event == "advanced":
            facts = {name: message[name] for name in ("variant", "stage", "done", "total")}
            notify(self.observers.hook.work_advanced, **facts)
        elif event == "finished":
            self._finish(record_of(message["record"]), message["spooled"], assignment, worker)

    def _finish(self, record: Record, spooled: str | None, assignment: Assignment, worker: Worker) -> None:
        """Keep what a cell left behind; what is still wanted of it is left to the job."""
        bundle = self._adopted(Path(spooled)) if spooled else None
        if spooled and bundle is None:
            log.warning("the attributions of cell %s were removed before they could be stored", record.cell)
            worker.kill()  # while that cell is the one that is running
            return
        assignment.running = None
        task = assignment.left.pop(record.cell)
        stored = self._save(replace(record, bundle=bundle), task)
        # a metric spoiled the worker: those after it are made in another
        unmade = tuple(digest for digest in task.wanted if digest not in record.metric_status)
        if stored.status == "ok" and unmade:
            assignment.left[record.cell] = Task(task.cell, unmade, stored.bundle, stored=True)
        else:
            self._announce(stored, task.cell)

    def _adopted(self, spooled: Path) -> str | None:
        """The hash of a bundle that is the store's now; None where it is gone: plugins delete what is not theirs.

        Raises:
            AttrimarkError: it is there, and cannot be stored.
        """
        try:
            return self.store.adopt(spooled)
        except AttrimarkError:
            if spooled.exists():
                raise
            return None

    def _save(self, record: Record, task: Task) -> Record:
        """A new cell whole; only the new metrics where its record was there already."""
        if record.bundle or not task.stored:
            self.store.save(record)
            return record
        for digest, (status, reason) in record.metric_status.items():
            measures = [each for each in record.measures if each.metric == digest]
            self.store.save_metric(record.cell, digest, status, reason, measures)
        return replace(record, bundle=task.bundle)

    def _announce(self, record: Record, cell: Cell) -> None:
        """A finished cell, whose parts are called as the suite calls them."""
        notify(self.observers.hook.cell_finished, record=replace(record, specs={**record.specs, **cell.names}))

    def _bury(self, worker: Worker) -> None:
        """A worker died: what it was at is tried again, or recorded as failed; the rest of its job waits again."""
        assignment, reason = self.at.pop(worker), worker.death()
        worker.end()
        if worker not in self.ready:
            self.silent += 1
            if self.silent > CRASHES:
                where = "are not shown: store_text = false" if worker.slot.discreet else "stand above"
                raise RuntimeError(f"workers cannot start: the last one {reason}; its messages {where}")
        if assignment:
            # a death in training counts for the whole variant, and one between two cells for none
            running = () if assignment.running is None else (assignment.running,)
            suspects = running if assignment.prepared else tuple(assignment.left)
            if assignment.overdue:
                self._fail(assignment, suspects, assignment.overdue, "timeout")
                suspects = ()
            self._requeue(assignment, reason, suspects)
        self._start(worker.slot)

    def _requeue(self, assignment: Assignment, reason: str, suspects: Collection[str]) -> None:
        """What is left of a job waits again; a suspect that was lost too often is recorded as failed."""
        self.crashes.update(suspects)
        lost = [suspect for suspect in suspects if self.crashes[suspect] > CRASHES]
        self._fail(assignment, lost, f"its worker {reason}, {CRASHES + 1} times", "crashed")
        if assignment.left:
            self.waiting.appendleft(replace(assignment.job, tasks=tuple(assignment.left.values())))

    def _fail(self, assignment: Assignment, cells: Collection[str], reason: str, cause: Cause) -> None:
        for each in cells:
            task = assignment.left.pop(each)
            record = unfinished(task.cell, Attempt("failed", reason, cause))
            if task.stored:  # what was finished of it stays
                record = replace(record, metric_status=dict.fromkeys(task.wanted, ("failed", reason)))
            self._announce(self._save(record, task), task.cell)


def notify(hook: Callable[..., Any], **facts: Any) -> None:
    """Observers may be strangers' code: what they raise ends no run."""
    try:
        hook(**facts)
    except Exception:
        log.warning("an observer failed:\n%s", traceback.format_exc())


def record_of(data: Mapping[str, Any]) -> Record:
    """A record that travelled as JSON."""
    return Record(
        **{
            **data,
            "own": Cost(**data["own"]),
            "actual": Cost(**data["actual"]),
            "measures": tuple(Measure(**{**each, "permuted": tuple(each["permuted"])}) for each in data["measures"]),
            "metric_status": {digest: tuple(status) for digest, status in data["metric_status"].items()},
        }
    )
