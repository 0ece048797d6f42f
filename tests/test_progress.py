"""Progress: every cell is counted, lines are few, names are shown as they are, standard output stays clean."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pluggy
import pytest
from attrimark.run.progress import Bars, Lines, Progress, Silence, display_for
from attrimark_registry import hookspecs
from attrimark_registry.attribution import Record
from rich.console import Console


def record(method: str | None, status: Any = "ok", reason: str | None = None, seed: int = 0) -> Record:
    specs = {"dataset": "planted", "model": "tiny[x]", "chain": "nf4 → lora", "seed": seed, "method": method}
    return Record("id", specs, status, reason)


VARIANT = "planted × tiny[x] × nf4 → lora × seed 0"


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120)


def test_lines_count_cells_and_foretell_the_end() -> None:
    now = iter([0.0, 0.0, 10.0, 20.0, 30.0])
    output = io.StringIO()
    lines = Lines(Console(file=output, width=20), clock=lambda: next(now))
    lines.started("quick", cells=4, pending=2)
    lines.finished(record("lime"))
    lines.finished(record(None, "failed", "KeyError: [lost]"))
    lines.ended("quick", {"ok": 3, "failed": 1})
    assert output.getvalue().splitlines() == [
        "quick: 4 cells, 2 to compute, 2 stored already",
        f"[1/2] 0:00:10, 0:00:10 left: {VARIANT} × lime: ok",
        f"[2/2] 0:00:20, 0:00:00 left: {VARIANT} × the model alone: failed (KeyError: [lost])",
        "quick: 3 ok, 1 failed in 0:00:30",
    ]


def test_lines_are_few_and_the_last_cell_has_one() -> None:
    now = iter(index / 100 for index in range(200))
    output = io.StringIO()
    lines = Lines(Console(file=output), clock=lambda: next(now))
    lines.started("quick", cells=100, pending=100)
    for _ in range(100):
        lines.finished(record("lime"))
    told = output.getvalue().splitlines()
    assert len(told) <= 6
    assert told[-1].startswith("[100/100]")


def test_bars_show_the_variants_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter((0.0, 5.0, 65.0))  # made, started, ended
    monkeypatch.setattr("attrimark.run.progress.time", SimpleNamespace(monotonic=lambda: next(now)))
    bars = Bars(terminal())
    bars.started("quick", cells=3, pending=3)
    bars.advanced(VARIANT, "texts", 10, 20)
    bars.advanced(VARIANT, "lime", 0, 2)
    assert [task.description for task in bars.bars.tasks] == ["quick", f"  lime: {VARIANT}"]
    bars.finished(record("lime"))
    bars.advanced(VARIANT, "random", 1, 2)
    bars.finished(record("random"))
    assert [(task.description, task.completed) for task in bars.bars.tasks] == [("quick", 2)]
    bars.finished(record("lime", "failed", "KeyError: [lost]", seed=1))
    bars.ended("quick", {"ok": 2, "failed": 1})
    file: Any = bars.console.file
    assert "failed (KeyError: [lost])" in file.getvalue()
    assert "quick: 2 ok, 1 failed in 0:01:00" in file.getvalue()


def test_a_terminal_gets_bars_a_pipe_gets_lines_and_quiet_gets_nothing() -> None:
    assert isinstance(display_for(terminal(), quiet=False), Bars)
    assert isinstance(display_for(Console(file=io.StringIO()), quiet=False), Lines)
    assert isinstance(display_for(terminal(), quiet=True), Silence)


@pytest.mark.parametrize("quiet", [False, True])
def test_hooks_are_heard_and_standard_output_stays_clean(capsys: pytest.CaptureFixture[str], quiet: bool) -> None:
    manager = pluggy.PluginManager("attrimark")
    manager.add_hookspecs(hookspecs)
    manager.register(Progress(quiet=quiet))
    manager.check_pending()
    manager.hook.run_started(suite="quick", cells=1, pending=1)
    manager.hook.work_advanced(variant=VARIANT, stage="lime", done=0, total=1)
    manager.hook.cell_finished(record=record("lime"))
    manager.hook.run_finished(suite="quick", summary={"ok": 1})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == (0 if quiet else 3)
