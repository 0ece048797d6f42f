"""A suite end to end, through real worker processes: complete, resumable, the same on any number of slots."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from attrimark.results.bundle import read_bundle
from attrimark.results.redaction import only_known
from attrimark.results.store import Store
from attrimark.run.coordinator import Assignment, Coordinator
from attrimark.run.job import Job, Task, from_json
from attrimark.run.local import Slot, Worker
from attrimark.run.run_cell import Attempt, unfinished
from attrimark.run.scheduler import pending, run
from attrimark.suite.duration import seconds, spelled
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.document import ConfigError
from attrimark.suite.reading.suites import read_suite
from attrimark_registry.catalog import load_catalog
from attrimark_registry.hookspecs import hookimpl

SUITE = """
[suites.small]
datasets = [{ name = "planted", train = 40, validation = 2, test = 8 }]
models = [{ name = "tiny-encoder", layers = 1 }]
strategies = ["frozen"]
seeds = 3
methods = ["random", "leave-one-out", { name = "shapley-sampling", permutations = 3 }, "input-x-gradient"]
metrics = ["sufficiency", "average-precision", "accuracy"]
explain = 4
"""
CELLS = 3 * (1 + 4)
CATALOG = load_catalog()


@pytest.fixture
def suite_file(tmp_path):
    path = tmp_path / "benchmarks.toml"
    path.write_text(SUITE)
    return path


def ran(path: Path, folder: Path, slots: int = 1) -> tuple[dict, Store]:
    catalog = load_catalog()
    store = Store(folder)
    summary = run(read_suite(path, "small", catalog), store, [Slot(n, "cpu", 1) for n in range(slots)], catalog.manager)
    return dict(summary), store


def test_a_run_finishes_every_cell_and_a_second_one_does_nothing(suite_file, tmp_path, monkeypatch):
    summary, store = ran(suite_file, tmp_path / "store")
    assert summary == {"ok": CELLS}
    cells = cells_of(read_suite(suite_file, "small", load_catalog()))
    assert pending(cells, store) == []
    # a second run starts no worker at all, hence loads no model and computes nothing
    monkeypatch.setattr("attrimark.run.coordinator.Worker", None)
    assert ran(suite_file, tmp_path / "store")[0] == {"ok": CELLS}


@pytest.mark.long
def test_one_and_two_slots_give_the_same_numbers(suite_file, tmp_path):
    _, one = ran(suite_file, tmp_path / "one")
    _, two = ran(suite_file, tmp_path / "two", slots=2)
    for first, second in zip(scores(suite_file, one), scores(suite_file, two), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.long
def test_a_new_metric_is_computed_from_stored_attributions(suite_file, tmp_path):
    _, store = ran(suite_file, tmp_path / "store")
    before = store_bundles(suite_file, store)
    suite_file.write_text(SUITE.replace('"accuracy"]', '"accuracy", "comprehensiveness"]'))
    catalog = load_catalog()
    jobs = pending(cells_of(read_suite(suite_file, "small", catalog)), store)
    assert all(task.bundle and len(task.wanted) == 1 for job in jobs for task in job.tasks)
    assert ran(suite_file, tmp_path / "store")[0] == {"ok": CELLS}
    assert store_bundles(suite_file, store) == before
    records = store.records(cell.id for cell in cells_of(read_suite(suite_file, "small", catalog)))
    assert all(len(record.metric_status) == 3 for record in records.values() if record.specs["method"])


@pytest.mark.long
def test_other_operators_ask_for_new_numbers(suite_file, tmp_path):
    ran(suite_file, tmp_path / "store")
    suite_file.write_text(SUITE + 'operators = ["pad", "delete"]\n')
    cells = cells_of(read_suite(suite_file, "small", load_catalog()))
    _, store = ran(suite_file, tmp_path / "store")
    (record,) = store.records([cells[1].id]).values()
    asked = next(digest for digest, metric in cells[1].judgements.items() if metric.name == "sufficiency")
    assert {each.operator for each in record.measures if each.metric == asked} == {"pad", "delete"}


@pytest.mark.long
def test_a_resumed_run_gives_the_same_numbers(suite_file, tmp_path):
    _, whole = ran(suite_file, tmp_path / "whole")
    suite_file.write_text(SUITE.replace("seeds = 3", "seeds = [1]"))
    ran(suite_file, tmp_path / "resumed")
    suite_file.write_text(SUITE)
    _, resumed = ran(suite_file, tmp_path / "resumed")
    for first, second in zip(scores(suite_file, whole), scores(suite_file, resumed), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def started(path: Path, folder: Path) -> subprocess.Popen[bytes]:
    """A run in a process of its own."""
    command = [sys.executable, "-m", "attrimark.cli", "run", "small", "--quiet", "--threads", "1"]
    command += ["--config", str(path), "--store", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.long
def test_killing_the_coordinator_loses_no_finished_cell(suite_file, tmp_path):
    folder = tmp_path / "store"
    finished: set[str] = set()
    for round in range(3):
        running = started(suite_file, folder)
        wait_for_cells(folder, len(finished) + 1 + round)
        running.kill()
        running.wait()
        now = finished_in(folder)
        assert finished <= now
        finished = now
    summary, store = ran(suite_file, folder)
    assert summary == {"ok": CELLS}
    assert all(len(each) for each in scores(suite_file, store))


@pytest.fixture
def hold(suite_file, tmp_path, monkeypatch):
    """While this file exists, a run of the suite waits in its third cell."""
    path = tmp_path / "hold"
    path.touch()
    site = str(waiting_distribution(tmp_path))
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", site, prepend=os.pathsep)
    monkeypatch.setenv("HOLD", str(path))
    suite_file.write_text(SUITE.replace('"leave-one-out"', '"waits", "leave-one-out"'))
    yield path
    path.unlink(missing_ok=True)


@pytest.mark.long
def test_killing_the_worker_loses_no_finished_cell(suite_file, tmp_path, hold):
    folder = tmp_path / "store"
    running = started(suite_file, folder)
    wait_for_cells(folder, 2)
    finished = finished_in(folder)
    os.kill(child_of(running.pid), signal.SIGKILL)
    hold.unlink()
    assert running.wait(timeout=600) == 0
    assert finished < finished_in(folder)
    summary, store = ran(suite_file, folder)
    assert summary == {"ok": CELLS + 3}
    assert all(len(each) for each in scores(suite_file, store))


@pytest.mark.long
def test_a_worker_ends_with_its_coordinator(suite_file, tmp_path, hold):
    running = started(suite_file, tmp_path / "store")
    wait_for_cells(tmp_path / "store", 2)
    worker = child_of(running.pid)
    running.kill()
    running.wait()
    wait_until(lambda: not Path(f"/proc/{worker}").exists(), "the worker outlived its coordinator")


class Robbed(Worker):
    """What it spools is gone when it is looked for."""

    def __post_init__(self):
        self.inbox.put((self, {"event": "ready"}))

    def send(self, line):
        task = from_json(line, CATALOG).tasks[0]
        record = asdict(unfinished(task.cell, Attempt("ok")))
        self.inbox.put((self, {"event": "started", "cell": task.cell.id}))
        self.inbox.put((self, {"event": "finished", "record": record, "spooled": f"/nowhere/{'a' * 64}.safetensors"}))

    def kill(self):
        self.inbox.put((self, None))

    def death(self):
        return "was killed by SIGKILL"

    def end(self):
        pass


def test_attributions_that_are_removed_before_they_are_stored_fail_their_cell_only(suite_file, tmp_path, monkeypatch):
    suite_file.write_text(SUITE.replace("seeds = 3", "seeds = 1"))
    monkeypatch.setattr("attrimark.run.coordinator.Worker", Robbed)
    catalog = load_catalog()
    with Store(tmp_path / "store") as store:
        run(read_suite(suite_file, "small", catalog), store, [Slot(0, "cpu", 1)], catalog.manager)
        assert {record.reason for record in all_records(store)} == {"its worker was killed by SIGKILL, 3 times"}


STUCK = """
import ctypes, sys, threading, time
sys.setswitchinterval(1000)
print("ready", flush=True)
ctypes.PyDLL(None).sleep(600)  # holds the interpreter
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_a_process_that_hangs_in_native_code_ends_with_the_one_that_started_it():
    started = f"""
import os, subprocess, sys, time
code = "from attrimark.run.death import die_with_parent; die_with_parent(" + str(os.getpid()) + ")" + {STUCK!r}
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    parent = subprocess.run([sys.executable, "-c", started], capture_output=True, text=True, check=False)
    child = int(parent.stdout)
    wait_until(lambda: not Path(f"/proc/{child}").exists(), "it outlived the process that started it")


def test_a_metric_that_takes_its_worker_down_costs_no_finished_cell(suite_file, tmp_path):
    suite = read_suite(suite_file, "small", CATALOG)
    cell = next(each for each in cells_of(suite) if each.method)
    old, *_, new = cell.wanted
    with Store(tmp_path / "store") as store:
        store.save(replace(unfinished(cell, Attempt("ok")), metric_status={old: ("ok", None)}))
        task = Task(cell, (new,), stored=True)
        assignment = Assignment(Job(cell.variant, (0,), (task,)), {cell.id: task})
        Coordinator(store, CATALOG.manager)._fail(assignment, [cell.id], "its worker died", "crashed")
        (record,) = all_records(store)
    assert record.status == "ok"
    assert record.metric_status == {old: ("ok", None), new: ("failed", "its worker died")}
    assert not assignment.left


class Confused(Worker):
    """It says what no worker should, and gives no result."""

    def __post_init__(self):
        self.inbox.put((self, {"event": "ready"}))

    def send(self, line):
        for message in (
            {"event": "sings"},
            {},
            {"event": "started", "cell": "of nobody"},
            {"event": "finished", "record": {"cell": "of nobody"}, "spooled": None},
            {"event": "done"},
        ):
            self.inbox.put((self, message))

    def end(self):
        pass


def test_what_a_worker_says_of_others_is_ignored_and_what_it_gives_no_result_of_is_failed(
    suite_file, tmp_path, monkeypatch, caplog
):
    suite_file.write_text(SUITE.replace("seeds = 3", "seeds = 1"))
    monkeypatch.setattr("attrimark.run.coordinator.Worker", Confused)
    catalog = load_catalog()
    suite = read_suite(suite_file, "small", catalog)
    with Store(tmp_path / "store") as store:
        assert run(suite, store, [Slot(0, "cpu", 1)], catalog.manager) == {"failed": 5}
        reasons = {record.reason for record in all_records(store)}
    assert reasons == {"its worker gave no result, 3 times"}
    assert "a worker reports 'sings' of a cell that is not its own: ignored" in caplog.text


class Dying(Confused):
    """It dies whenever it is given a job."""

    def send(self, line):
        SENT.append(line)
        self.inbox.put((self, None))

    def death(self):
        return "was killed by SIGKILL"


class Hanging(Dying):
    """It answers nothing, until it is killed."""

    def send(self, line):
        SENT.append(line)

    def kill(self):
        self.inbox.put((self, None))


class Silent(Hanging):
    """It begins its first cell, and is not heard of again."""

    def send(self, line):
        SENT.append(line)
        self.inbox.put((self, {"event": "started", "cell": from_json(line, CATALOG).tasks[0].cell.id}))


SENT: list[str] = []


@pytest.mark.parametrize(
    ("worker", "limit", "sent", "reason", "cause"),
    [
        (Dying, None, 3, "its worker was killed by SIGKILL, 3 times", "crashed"),
        (Hanging, 0.2, 1, "its training took longer than 0.2 s (timeout)", "timeout"),
        (Silent, None, 5, "it gave no sign of progress for 0.2 s", "timeout"),
        (Silent, 0.2, 5, "it took longer than 0.2 s (timeout)", "timeout"),
    ],
)
def test_what_ends_in_training_counts_for_the_whole_variant_and_what_ends_in_a_cell_for_that_cell(
    suite_file, tmp_path, monkeypatch, worker, limit, sent, reason, cause
):
    suite_file.write_text(SUITE.replace("seeds = 3", "seeds = 1"))
    monkeypatch.setattr("attrimark.run.coordinator.Worker", worker)
    monkeypatch.setattr("attrimark.run.coordinator.SILENCE", 0.2)
    SENT.clear()
    suite = replace(read_suite(suite_file, "small", load_catalog()), timeout=limit)
    with Store(tmp_path / "store") as store:
        assert run(suite, store, [Slot(0, "cpu", 1)], load_catalog().manager) == {"failed": 5}
        records = all_records(store)
    assert {(record.reason, record.cause) for record in records} == {(reason, cause)}
    assert len(SENT) == sent
    telling = only_known(cells_of(suite))
    assert telling(reason) == reason  # quotes no text


def test_idle_deaths_are_not_counted(suite_file, tmp_path, monkeypatch):
    class Idle(Dying):
        def send(self, line):
            SENT.append(line)
            if len(SENT) < 6:  # it is done with nothing, and dies where it waits
                for cell in [task.cell for task in from_json(line, CATALOG).tasks]:
                    record = asdict(unfinished(cell, Attempt("unsupported", "it cannot")))
                    self.inbox.put((self, {"event": "started", "cell": cell.id}))
                    self.inbox.put((self, {"event": "finished", "record": record, "spooled": None}))
                    break
                self.inbox.put((self, None))

    monkeypatch.setattr("attrimark.run.coordinator.Worker", Idle)
    SENT.clear()
    suite_file.write_text(SUITE.replace("seeds = 3", "seeds = 1"))
    suite = read_suite(suite_file, "small", CATALOG)
    with Store(tmp_path / "store") as store:
        assert run(suite, store, [Slot(0, "cpu", 1)], CATALOG.manager) == {"unsupported": 5}
    assert len(SENT) == 5


@pytest.mark.parametrize(("written", "expected"), [("90s", 90.0), ("10min", 600.0), ("1.5h", 5400.0), ("2 h", 7200.0)])
def test_durations_are_written_with_their_unit(written, expected):
    assert seconds(written) == expected
    assert seconds(spelled(expected)) == expected


@pytest.mark.parametrize("written", ['"10"', '"0s"', '"-1s"', '"ten minutes"', "10", "true"])
def test_what_is_no_duration_is_refused(suite_file, written):
    suite_file.write_text(SUITE + f"timeout = {written}\n")
    with pytest.raises(ConfigError, match=r'small.timeout: must be a duration above 0, such as "90s"'):
        read_suite(suite_file, "small", CATALOG)


def test_an_observer_that_fails_ends_no_run(suite_file, tmp_path, monkeypatch, caplog):
    class Broken:
        @hookimpl
        def cell_finished(self, record):
            raise KeyError("an observer's own")

    suite_file.write_text(SUITE.replace("seeds = 3", "seeds = 1"))
    monkeypatch.setattr("attrimark.run.coordinator.Worker", Confused)
    catalog = load_catalog()
    catalog.manager.register(Broken())
    suite = read_suite(suite_file, "small", catalog)
    with Store(tmp_path / "store") as store:
        assert run(suite, store, [Slot(0, "cpu", 1)], catalog.manager) == {"failed": 5}
    assert "an observer failed" in caplog.text


def test_what_cannot_run_is_recorded_with_its_reason(suite_file, tmp_path):
    suite_file.write_text(SUITE.replace('strategies = ["frozen"]', "").replace("seeds = 3", "seeds = 1"))
    summary, store = ran(suite_file, tmp_path / "store")
    assert summary == {"unsupported": 5}
    assert all("without a trained head" in record.reason for record in all_records(store))


def waiting_distribution(tmp_path: Path) -> Path:
    """A third party's plugin that waits, as an installed distribution."""
    site = tmp_path / "site"
    information = site / "waiting-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: waiting\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[attrimark]\nmethods = waiting_methods\n")
    (site / "waiting_methods.py").write_text(
        """
import os, time
import numpy as np
from attrimark_registry import SubsetMethod, hookimpl

class Waits(SubsetMethod):
    name = "waits"
    def explore(self, features, rng):
        while os.path.exists(os.environ["HOLD"]):
            time.sleep(0.05)
        return np.zeros(len(features))
        yield

@hookimpl
def register_methods():
    return [Waits]
"""
    )
    return site


def all_records(store: Store):
    import sqlite3

    with sqlite3.connect(store.folder / "store.sqlite") as database:
        ids = [row[0] for row in database.execute("SELECT cell FROM cells")]
    return store.records(ids).values()


def scores(path: Path, store: Store) -> list[np.ndarray]:
    return [each.scores for sha in store_bundles(path, store) for each in read_bundle(store.bundle_path(sha))]


def store_bundles(path: Path, store: Store) -> list[str]:
    cells = cells_of(read_suite(path, "small", load_catalog()))
    records = store.records(cell.id for cell in cells)
    return [records[cell.id].bundle for cell in cells if cell.method]


def finished_in(folder: Path) -> set[str]:
    if not (folder / "store.sqlite").exists():
        return set()
    with Store(folder) as store:
        return {record.cell for record in all_records(store) if record.status == "ok"}


def wait_for_cells(folder: Path, count: int) -> None:
    wait_until(lambda: len(finished_in(folder)) >= min(count, CELLS - 1), "the run got nowhere")


def wait_until(happened: Callable[[], bool], otherwise: str) -> None:
    """Waits minutes, which only a machine that got stuck needs."""
    for _ in range(6000):
        if happened():
            return
        time.sleep(0.1)
    pytest.fail(otherwise)


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
