"""What a run tells while it runs: bars on a terminal, lines elsewhere; on standard error, so that tables stay clean."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from attrimark_registry.attribution import Record
from attrimark_registry.hookspecs import hookimpl
from rich import progress as rich_progress
from rich.console import Console
from rich.table import Column

from attrimark.screen.text import printable
from attrimark.suite.names import MODEL_ALONE, cell_name

SECONDS_BETWEEN_LINES = 0.3
REMEMBERED = 3600.0  # seconds: cells take minutes, and rich would judge the speed by the last thirty seconds


class Progress:
    """An observer of runs: register it with a plugin manager."""

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        self.display = display_for(console or Console(stderr=True), quiet)

    @hookimpl
    def run_started(self, suite: str, cells: int, pending: int) -> None:
        self.display.started(suite, cells, pending)

    @hookimpl
    def work_advanced(self, variant: str, stage: str, done: int, total: int) -> None:
        self.display.advanced(variant, stage, done, total)

    @hookimpl
    def cell_finished(self, record: Record) -> None:
        self.display.finished(record)

    @hookimpl
    def run_finished(self, suite: str, summary: dict[str, Any]) -> None:
        self.display.ended(suite, summary)


class Silence:
    """Tells nothing."""

    def started(self, suite: str, cells: int, pending: int) -> None: ...
    def advanced(self, variant: str, stage: str, done: int, total: int) -> None: ...
    def finished(self, record: Record) -> None: ...
    def ended(self, suite: str, summary: dict[str, Any]) -> None: ...


class Lines:
    """A line for each finished cell, but no more than a few a second: the counts in the next one make up for it."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.clock = clock
        self.start = self.last = clock()
        self.pending = self.done = 0

    def started(self, suite: str, cells: int, pending: int) -> None:
        self.start, self.last, self.pending, self.done = self.clock(), float("-inf"), pending, 0
        self._print(_opening(suite, cells, pending))

    def advanced(self, variant: str, stage: str, done: int, total: int) -> None: ...

    def finished(self, record: Record) -> None:
        self.done += 1
        now = self.clock()
        if now - self.last < SECONDS_BETWEEN_LINES and self.done < self.pending:
            return
        self.last = now
        elapsed = now - self.start
        left = elapsed / self.done * max(0, self.pending - self.done)
        count = f"{self.done:>{len(str(self.pending))}}/{self.pending}"
        self._print(f"[{count}] {_duration(elapsed)}, {_duration(left)} left: {_outcome(record)}")

    def ended(self, suite: str, summary: dict[str, Any]) -> None:
        self._print(_closing(suite, summary, self.clock() - self.start))

    def _print(self, line: str) -> None:
        # names may hold brackets, which rich would take for styles; a pipe has no width to wrap at
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


class Bars:
    """One bar for all cells, and one for each variant at work, with its stage."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.start = time.monotonic()
        self.variants: dict[str, rich_progress.TaskID] = {}
        self.bars = rich_progress.Progress(
            # long names give way to the bar and the times, not the other way round
            rich_progress.TextColumn(
                "{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
            ),
            rich_progress.BarColumn(bar_width=24),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TimeRemainingColumn(),
            console=console,
            expand=True,
            transient=True,
            redirect_stdout=False,
            speed_estimate_period=REMEMBERED,
        )

    def started(self, suite: str, cells: int, pending: int) -> None:
        self.start = time.monotonic()
        self.console.print(_opening(suite, cells, pending), markup=False, highlight=False)
        self.all = self.bars.add_task(suite, total=pending)
        self.bars.start()

    def advanced(self, variant: str, stage: str, done: int, total: int) -> None:
        if variant not in self.variants:
            self.variants[variant] = self.bars.add_task(variant)
        told = printable(f"  {stage}: {variant}")
        self.bars.update(self.variants[variant], description=told, completed=done, total=total)

    def finished(self, record: Record) -> None:
        self.bars.advance(self.all)
        if record.status == "failed":
            self.bars.console.print(_outcome(record), markup=False, highlight=False)
        task = self.variants.get(_variant(record))
        if task is not None:
            self.bars.advance(task)
            if self.bars.tasks[self.bars.task_ids.index(task)].finished:
                self.bars.remove_task(self.variants.pop(_variant(record)))

    def ended(self, suite: str, summary: dict[str, Any]) -> None:
        self.bars.stop()
        closing = _closing(suite, summary, time.monotonic() - self.start)
        self.console.print(closing, markup=False, highlight=False)


def display_for(console: Console, quiet: bool) -> Silence | Lines | Bars:
    if quiet:
        return Silence()
    return Bars(console) if console.is_terminal and not console.is_dumb_terminal else Lines(console)


def _opening(suite: str, cells: int, pending: int) -> str:
    stored = f", {cells - pending} stored already" if cells > pending else ""
    return f"{suite}: {cells} cells, {pending} to compute{stored}"


def _closing(suite: str, summary: dict[str, Any], seconds: float) -> str:
    counts = ", ".join(f"{number} {status}" for status, number in summary.items()) or "nothing"
    return f"{suite}: {counts} in {_duration(seconds)}"


def _outcome(record: Record) -> str:
    reason = f" ({record.reason})" if record.reason else ""
    method = record.specs.get("method") or MODEL_ALONE
    name = cell_name(_variant(record), method=method, replicate=record.specs.get("replicate", 0))
    return printable(f"{name}: {record.status}{reason}")


def _variant(record: Record) -> str:
    """The variant's name, as `work_advanced` has it."""
    dataset, model, chain, seed = (record.specs.get(name, "") for name in ("dataset", "model", "chain", "seed"))
    return cell_name(dataset, model, chain, seed=seed)


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
