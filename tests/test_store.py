"""What was stored stays stored: through kills, full disks and other versions."""

import math
import sqlite3
import subprocess
import sys
from dataclasses import replace

import attrimark.results.store
import numpy as np
import pytest
from attrimark.results.bundle import read_bundle, write_bundle
from attrimark.results.schema import MIGRATIONS, seal
from attrimark.results.store import Damaged, Store
from attrimark_registry import Attribution, AttrimarkError, Cost, Example, Feature, Measure, Record, Target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
ENDS = st.tuples(st.sampled_from(["ok", "unsupported", "failed"]), st.none() | st.text())


def record(cell="c1", value=0.5, **changes):
    """A cell with one measure."""
    specs = {"dataset": "planted", "model": "tiny", "chain": "full → nf4", "seed": 0, "method": None}
    return replace(Record(cell, specs, "ok", measures=(Measure("m1", "t1", "mask", value),)), **changes)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store") as opened:
        yield opened


DRAWN = st.fixed_dictionaries(
    {
        "status": ENDS,
        "specs": st.dictionaries(st.text(), st.none() | st.text() | st.integers(), max_size=4),
        "seconds": st.floats(0, 1e9),
        "left_out": st.dictionaries(st.text(), st.text(), max_size=3),
        "values": st.dictionaries(st.text(), st.tuples(st.none() | NUMBERS, NUMBERS), max_size=5),
        "metric_status": st.dictionaries(st.text(), ENDS, max_size=3),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DRAWN)
def test_what_is_read_is_what_was_saved(store, drawn):
    saved = Record(
        cell="any",
        specs=drawn["specs"],
        status=drawn["status"][0],
        reason=drawn["status"][1],
        own=Cost(forwards=2**60, seconds=drawn["seconds"]),
        left_out=drawn["left_out"],
        bundle="ab" * 32,
        machine={"cores": 2, "versions": {"torch": "2.13.0"}},
        measures=tuple(
            Measure("m1", example, "delete", value, {"kept": kept})
            for example, (value, kept) in drawn["values"].items()
        ),
        metric_status={"m1": ("ok", None)} | drawn["metric_status"],
    )
    store.save(saved)
    # repr, because NaN differs from itself
    assert repr(store.records(["any"])) == repr({"any": saved})


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.0, np.float64(0.1)])
def test_no_value_turns_into_another(store, value):
    store.save(record(value=value))
    (measure,) = store.records(["c1"])["c1"].measures
    assert repr(measure.value) == repr(None if value is None else float(value))


def test_values_in_other_orders_of_the_words_come_back_where_there_are_any(store):
    kept = (
        Measure("m1", "t1", "", 0.5, permuted=(0.25, float(np.float32(0.1)))),
        Measure("m1", "t2", "", None),
        Measure("m1", "t3", "", 1.0, {"kept": 0.5}, (1.0, 0.0)),
        Measure("m2", "t1", "mask", 0.5),
    )
    store.save(replace(record(), measures=kept))
    assert tuple(store.records(["c1"])["c1"].measures) == kept


def test_records_come_in_the_order_asked_and_once(store):
    for cell in ("a", "b", "c"):
        store.save(record(cell))
    assert list(store.records(["c", "unknown", "a", "c"])) == ["c", "a"]


def test_many_cells_are_read_at_once(store):
    store.save(record("here"))
    assert list(store.records([*map(str, range(100_000)), "here"])) == ["here"]


def test_a_later_outcome_replaces_an_earlier_one_with_its_measures(store):
    store.save(record(metric_status={"m2": ("failed", "ZeroDivisionError")}))
    store.save(record(status="failed", reason="out of memory", measures=()))
    (read,) = store.records(["c1"]).values()
    assert (read.status, read.reason, read.measures, dict(read.metric_status)) == ("failed", "out of memory", (), {})


def test_a_metric_is_added_beside_the_others_and_replaces_itself(store):
    store.save(record())
    store.save_metric("c1", "m2", "failed", "no rationale")
    store.save_metric("c1", "m2", "ok", None, [Measure("m2", "t1", "", 1.0), Measure("m2", "t2", "", None)])
    (read,) = store.records(["c1"]).values()
    assert {(each.metric, each.example): each.value for each in read.measures} == {
        ("m1", "t1"): 0.5,
        ("m2", "t1"): 1.0,
        ("m2", "t2"): None,
    }
    assert read.metric_status == {"m1": ("ok", None), "m2": ("ok", None)}


def test_a_metric_without_values_counts_as_measured(store):
    store.save(record(metric_status={"m3": ("unsupported", "no labels")}))
    store.save_metric("c1", "m2", "ok", None, [Measure("m2", "t1", "", None)])
    assert store.measured("c1") == {"m1", "m2", "m3"}
    assert store.measured("unknown") == set()


def test_a_metric_needs_its_cell(store):
    with pytest.raises(AttrimarkError, match="cell unknown has no record"):
        store.save_metric("unknown", "m1", "ok")


def test_a_measure_of_another_metric_changes_nothing(store):
    store.save(record())
    with pytest.raises(ValueError, match="m2"):
        store.save_metric("c1", "m1", "ok", None, [Measure("m2", "t1", "", 1.0)])
    assert store.records(["c1"]) == {"c1": replace(record(), metric_status={"m1": ("ok", None)})}


# Bundles


def bundle(folder, score=0.5):
    feature = Feature("word", 0, 0, 4)
    scores = np.array([score], dtype=np.float32)
    return write_bundle([Attribution(Example("t1", ("word",)), (feature,), scores, Target((0,)), "positive")], folder)


def test_a_bundle_moves_out_of_the_spool(store):
    spooled = bundle(store.spool)
    sha256 = store.adopt(spooled)
    assert not spooled.exists()
    assert read_bundle(store.bundle_path(sha256))[0].scores.tolist() == [0.5]
    assert store.adopt(spooled) == sha256  # again, as after a kill between the move and the record


def test_a_corrupt_bundle_is_not_adopted(store):
    spooled = bundle(store.spool)
    content = bytearray(spooled.read_bytes())
    content[-1] ^= 1
    spooled.write_bytes(content)
    with pytest.raises(AttrimarkError, match="is corrupt"):
        store.adopt(spooled)
    assert not list(store.bundles.iterdir())


@given(st.text() | st.sampled_from(["../" * 3 + "etc/passwd", "a" * 300, "\\0", "AB" * 32, "ab" * 32 + "\\n"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_hashes_become_file_names(store, name):
    with pytest.raises(AttrimarkError, match="is no sha256"):
        store.bundle_path(name)


NAMES = [
    "bundles",
    "spool",
    "outputs",
    "variants",
    "figures",
    "store.sqlite",
    "store.sqlite-journal",
    "store.sqlite.bak",
]


@pytest.mark.parametrize("name", NAMES)
def test_links_inside_the_folder_are_refused(tmp_path, name):
    folder = tmp_path / "store"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AttrimarkError, match=f"{name} is a link"):
        Store(folder)


# Other versions


def versioned(path, version):
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {version}")
    database.close()


def test_a_newer_schema_is_refused_untouched(store):
    store.save(record())
    store.close()
    versioned(store.path, len(MIGRATIONS) + 1)
    before = store.path.read_bytes()
    with pytest.raises(AttrimarkError, match="newer attrimark"):
        Store(store.folder)
    assert store.path.read_bytes() == before


def rename_cells(database):
    database.execute("UPDATE cells SET cell = 'new-' || cell")
    for (key,) in database.execute("SELECT key FROM cells").fetchall():
        seal(database, key)


def fail(database):
    rename_cells(database)
    raise sqlite3.OperationalError("database or disk is full")


def test_an_older_schema_is_copied_and_brought_up(store, monkeypatch):
    store.save(record())
    store.close()
    monkeypatch.setattr(attrimark.results.store, "MIGRATIONS", (*MIGRATIONS, rename_cells))
    with Store(store.folder) as opened:
        assert list(opened.records(["c1", "new-c1"])) == ["new-c1"]
    backup = sqlite3.connect(store.folder / "store.sqlite.bak")
    assert backup.execute("SELECT cell FROM cells").fetchall() == [("c1",)]
    backup.close()
    # and is not copied again
    (store.folder / "store.sqlite.bak").unlink()
    Store(store.folder).close()
    assert not (store.folder / "store.sqlite.bak").exists()


def test_a_migration_that_fails_changes_nothing(store, monkeypatch):
    store.save(record())
    store.close()
    with monkeypatch.context() as patch:
        patch.setattr(attrimark.results.store, "MIGRATIONS", (*MIGRATIONS, fail))
        with pytest.raises(AttrimarkError, match=r"store\.sqlite: database or disk is full"):
            Store(store.folder)
    with Store(store.folder) as opened:
        assert opened.records(["c1"])["c1"].measures[0].example == "t1"


def test_a_database_of_another_program_is_refused(tmp_path):
    database = sqlite3.connect(tmp_path / "store.sqlite")
    database.execute("CREATE TABLE cells (theirs)")
    database.close()
    with pytest.raises(AttrimarkError, match="another program"):
        Store(tmp_path)


# What the disk refuses


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "store.sqlite").write_text("this is no database, " * 100)
    with pytest.raises(AttrimarkError, match=r"store\.sqlite: file is not a database"):
        Store(tmp_path)


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AttrimarkError, match="file: Not a directory"):
        Store(tmp_path / "file")


def test_a_full_disk_loses_nothing_that_was_stored(store):
    store.save(record())
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    long = tuple(Measure("m1", f"t{number}", "mask", 1.0) for number in range(5_000))
    with pytest.raises(AttrimarkError, match=r"store\.sqlite: database or disk is full"):
        store.save(record("c2", measures=long))
    assert list(store.records(["c1", "c2"])) == ["c1"]
    store._database.execute("PRAGMA max_page_count = 100000")
    store.save(record("c2", measures=long))
    assert len(store.records(["c2"])["c2"].measures) == 5_000


def test_a_store_that_cannot_be_written_to_can_be_read(store):
    store.save(record())
    store._database.execute("PRAGMA query_only = ON")
    with pytest.raises(AttrimarkError, match=r"store\.sqlite: attempt to write a readonly database"):
        store.save(record("c2"))
    assert list(store.records(["c1", "c2"])) == ["c1"]


SAVE_UNTIL_NO_ROOM = """
import resource, sys
from pathlib import Path
from attrimark.results.store import Store
from attrimark_registry import AttrimarkError, Measure, Record

with Store(Path(sys.argv[1])) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    for number in range(1000):
        try:
            measures = tuple(Measure("m1", f"t{text}", "mask", 0.5) for text in range(50))
            store.save(Record(f"c{number}", {}, "ok", measures=measures))
        except AttrimarkError as error:
            print(number, error)
            break
"""


def test_without_room_the_error_names_the_path_and_a_later_run_goes_on(tmp_path):
    command = [sys.executable, "-c", SAVE_UNTIL_NO_ROOM, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout
    saved, message = said.split(" ", 1)
    assert str(tmp_path / "store.sqlite") in message
    with Store(tmp_path) as store:
        assert len(store.records(f"c{number}" for number in range(1000))) == int(saved) > 0
        store.save(record())


# What a kill leaves


KILL_AND_KILL = """
import itertools, os, signal, sqlite3, sys, time
from pathlib import Path
import numpy as np
from attrimark.results.store import Store
from attrimark_registry import Measure, Record

def save_for_ever(start, out):
    with Store(Path(sys.argv[1])) as store:
        for number in itertools.count(start):
            measures = tuple(Measure("m1", f"t{text}", "mask", float(number)) for text in range(40))
            store.save(Record(f"c{number}", {}, "ok", measures=measures))
            os.write(out, b"1")

def killed_while_saving(start, seconds):
    inside, out = os.pipe()
    child = os.fork()
    if child == 0:
        save_for_ever(start, out)
    os.close(out)
    told = len(os.read(inside, 1))
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(inside, 4096):
        told += len(more)
    os.close(inside)
    return told

rng, saved = np.random.default_rng(0), 0
for _ in range(25):
    saved += killed_while_saving(saved, rng.uniform(0, 0.1))
    # raises where a lock is left, or anything else that a store would wait for
    with sqlite3.connect(Path(sys.argv[1]) / "store.sqlite", timeout=0) as database:
        database.execute("BEGIN IMMEDIATE")
    database.close()
    with Store(Path(sys.argv[1])) as store:
        records = store.records(f"c{number}" for number in range(saved + 1))
    # the one it was at may be there or not, but never in part
    assert list(records)[:saved] == [f"c{number}" for number in range(saved)], "a finished cell is lost"
    for number, record in enumerate(records.values()):
        assert [each.value for each in record.measures] == [float(number)] * 40, "a cell is there in part"
    saved = len(records)
print(saved)
"""


def test_a_killed_process_loses_no_finished_cell(tmp_path):
    command = [sys.executable, "-c", KILL_AND_KILL, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert said.returncode == 0, said.stderr
    assert int(said.stdout) >= 25


DIE_AT_EVERY_STEP = """
import itertools, os, signal, sys
from pathlib import Path
import numpy as np
from attrimark.results.bundle import write_bundle
from attrimark.results.store import Store
from attrimark_registry import Attribution, Example, Feature, Record, Target

scores = np.array([0.5], dtype=np.float32)
made = Attribution(Example("t1", ("word",)), (Feature("word", 0, 0, 4),), scores, Target((0,)), "positive")
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "sqlite3.connect")

def save(folder, wanted):
    steps = itertools.count(1)
    def die(event, details):
        if event in STEPS and next(steps) == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(die)
    with Store(folder) as store:
        store.save(Record("c1", {}, "ok", bundle=store.adopt(write_bundle([made], store.spool))))

for wanted in itertools.count(1):
    child = os.fork()
    if child == 0:
        save(Path(sys.argv[1]) / str(wanted), wanted)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
print(wanted)
"""


def test_a_kill_at_any_file_operation_leaves_a_usable_store(tmp_path):
    command = [sys.executable, "-c", DIE_AT_EVERY_STEP, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert said.returncode == 0, said.stderr
    kills = int(said.stdout) - 1
    assert kills > 5
    for wanted in range(1, kills + 1):
        with Store(tmp_path / str(wanted)) as store:
            for each in store.records(["c1"]).values():
                assert read_bundle(store.bundle_path(each.bundle or ""))
            store.save(record())


# What a disk changes


def test_a_cell_of_which_anything_was_altered_is_refused_and_run_again(store):
    store.save(record())
    store.save(record("c2"))
    store._database.execute("UPDATE measures SET operator = 'delete' WHERE cell = 1")
    with pytest.raises(Damaged, match="cell c1 was altered; run the suite again"):
        store.records(["c1", "c2"])
    assert store.forget_damaged() == ["c1"]
    assert list(store.records(["c1", "c2"])) == ["c2"]


def test_a_row_that_is_lost_is_missed(store):
    store.save(record())
    store.save(record("c2"))
    store.close()
    content = store.path.read_bytes()
    store.path.write_bytes(content.replace(b"c1", b"c3", 1))  # in the row, or in the index
    with Store(store.folder) as opened:
        with pytest.raises(Damaged, match="were lost or renamed"):
            opened.records(["c2"])
        opened.forget_damaged()
        assert list(opened.records(["c2"])) == ["c2"]


def test_an_altered_cell_is_not_sealed_by_what_is_added_to_it(store):
    store.save(record())
    store._database.execute("UPDATE cells SET reason = 'another'")
    with pytest.raises(Damaged, match="cell c1 was altered"):
        store.save_metric("c1", "m2", "ok")
    with pytest.raises(Damaged, match="cell c1 was altered"):
        store.rename("c1", "c2", {})


def test_intact_is_said_only_where_it_was_verified(store):
    store.save(record())
    store._database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(AttrimarkError, match="what was stored before is intact"):
        store.save(record("c2", reason="r" * 100_000))
    store.close()
    content = bytearray(store.path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)  # all but the first page
    store.path.write_bytes(content)
    with Store(store.folder) as opened, pytest.raises(AttrimarkError) as told:
        opened.save(record("c2", reason="r" * 100_000))
    assert "is intact" not in str(told.value)


def test_a_folder_of_figures_that_is_a_link_is_refused(store, tmp_path):
    (store.folder / "figures").mkdir()
    (store.folder / "figures" / "mine").symlink_to(tmp_path)
    with pytest.raises(AttrimarkError, match="mine is a link"):
        store.figures("mine")
    assert store.figures("other") == store.folder / "figures" / "other"
