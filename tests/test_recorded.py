"""Recorded files say what was accepted, diff by the line, and are refused where they were tampered with."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from attrimark.commands.fresh_run import spread_of
from attrimark.results.bundle import write_whole
from attrimark.results.redaction import WITHHELD
from attrimark.studies.regression.recorded import (
    Explanations,
    Facts,
    Recorded,
    RecordedCell,
    RecordedError,
    RecordedMetric,
    Values,
    check_place,
    group_of,
    hashed,
    name_of,
    read_recorded,
    seed_of,
    settle,
    values_path,
    write_recorded,
)
from attrimark.studies.regression.recording import (
    means_by_group,
    names_of,
    narrowed,
    outdated,
    primary_of,
    renewed,
    taken,
    troubles,
)
from attrimark.studies.regression.regression import compare
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_registry import AttrimarkError, Cost, Measure, Record
from attrimark_registry.catalog import load_catalog

TEXTS = tuple(hashed(f"t{number}") for number in range(3))
FORWARDS = {"backwards": 0, "flops": 10**6, "forwards": 30, "peak": 1000, "subsets": 30, "tokens": 90}


def cell(value=0.5, costs=FORWARDS, status="ok", because="first", metric="ok", **facts):
    """A cell of one metric with three texts, scored under two operators."""
    numbers = np.full((2, 3), value) + np.arange(3) / 10
    known = {
        "because": because,
        "costs": dict(costs),
        "dataset": "d",
        "machine": "Linux x86_64, cpu",
        "method": "1",
        "metrics": {
            "kept": RecordedMetric(
                version="1", better="higher", status=metric, operators=("delete", "mask"), median=0.6, texts=3
            )
        },
        "operator": "mask",
        "role": "films × tiny × none × occlusion",
        "seeded": True,
        "status": status,
        "texts": 3,
        "weights": "w",
        "why": None,
    }
    made = Explanations(
        TEXTS,
        np.array([1, 2, 1], dtype=np.int32),
        np.array([0.1, -0.2, 0.3, 0.4], dtype=np.float32),
        np.array([[0, 0, 3], [0, 0, 2], [0, 3, 5], [0, 0, 4]], dtype=np.int32),
        np.tile(np.array([list(costs.values())], dtype=np.int64), (3, 1)),
    )
    return RecordedCell(Facts(**{**known, **facts}), {"kept": Values(TEXTS, numbers)}, made)


def with_metric(**told):
    """A cell of which something else is told of its metric."""
    made = cell()
    metric = made.facts.metrics["kept"].model_copy(update=told)
    return replace(made, facts=made.facts.model_copy(update={"metrics": {"kept": metric}}))


def recorded(cells=None, **rules):
    cells = cells or {name_of("films × tiny × occlusion", seed): cell(0.5 + seed / 10) for seed in (1, 0, 10)}
    machines = {"Linux x86_64, cpu": {"python": "3.11"}}
    return Recorded("small", ("kept",), cells, **{"machines": machines, "reseeds": {}, **rules})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recorded.json"


# The files


def test_what_is_written_is_read_again(path):
    written = recorded(reseeds={"films × tiny × occlusion": {"kept": (0.5, 0.25)}}, store_text=False)
    write_recorded(written, path)
    read = read_recorded(path)
    assert (read.suite, read.primary, read.store_text) == ("small", ("kept",), False)
    assert read.reseeds == written.reseeds
    assert read.machines == written.machines
    for name, one in written.cells.items():
        other = read.cells[name]
        assert one.facts == other.facts
        np.testing.assert_array_equal(one.values["kept"].numbers, other.values["kept"].numbers)
        assert other.values["kept"].texts == TEXTS
        scores, spans = other.explanations.of(TEXTS[1])
        np.testing.assert_array_equal(scores, np.float32([-0.2, 0.3]))
        np.testing.assert_array_equal(spans, [[0, 0, 2], [0, 3, 5]])


def test_the_same_numbers_give_the_same_bytes(path, tmp_path):
    cells = recorded().cells
    write_recorded(recorded(cells), path)
    write_recorded(recorded(dict(reversed(cells.items()))), tmp_path / "again.json")
    assert path.read_bytes() == (tmp_path / "again.json").read_bytes()
    assert values_path(path).read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_a_diff_names_the_cell_that_moved(path):
    cells = recorded().cells
    write_recorded(recorded(cells), path)
    before = path.read_text().splitlines()
    name = name_of("films × tiny × occlusion", 1)
    write_recorded(recorded({**cells, name: cell(costs={**FORWARDS, "forwards": 31})}), path)
    changed = {line for line in path.read_text().splitlines() if line not in before}
    assert [line.split('"')[1] for line in sorted(changed)] == [name, "sha256", "values"]


def test_lines_and_keys_are_sorted_one_cell_a_line(path):
    write_recorded(recorded(), path)
    lines = path.read_text().splitlines()
    cells = [line for line in lines if line.startswith('  "films')]
    assert len(cells) == 3
    assert cells == sorted(cells)
    for line in cells:
        facts = json.loads("{" + line.rstrip(",") + "}")
        (inner,) = facts.values()
        assert list(inner) == sorted(inner)
    data = json.loads(path.read_text())
    assert list(data) == sorted(data)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("which", ["json", "safetensors"])
def test_a_file_cut_short_is_refused(path, which, share):
    write_recorded(recorded(), path)
    victim = path.with_suffix(f".{which}")
    content = victim.read_bytes()
    victim.write_bytes(content[: int(share * len(content))])
    with pytest.raises(RecordedError, match=victim.name.replace(".", r"\.") + ".*(cut short|not the file)"):
        read_recorded(path)


def test_a_file_changed_by_hand_is_refused(path):
    write_recorded(recorded(), path)
    path.write_text(path.read_text().replace('"forwards": 30', '"forwards": 31', 1))
    with pytest.raises(RecordedError, match="changed by hand"):
        read_recorded(path)


def test_a_value_changed_beside_it_is_refused(path):
    write_recorded(recorded(), path)
    content = bytearray(values_path(path).read_bytes())
    content[-1] ^= 1
    values_path(path).write_bytes(content)
    with pytest.raises(RecordedError, match=r"not the file that recorded\.json was written with"):
        read_recorded(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[]", "not a recorded file"),
        (b"{}", "schema is None"),
        (b'{"schema": 3}', "its schema is 3, this attrimark reads 2: upgrade"),
        (
            b'{"schema": 1, "suite": "my ci"}',
            "record all of it again: attrimark record 'my ci' --anew --reason 'schema 2'",
        ),
        (b"<<<<<<< HEAD\n{", "recorded.json:1:1: expecting value"),
        (b"\xff\xfe", "no UTF-8"),
    ],
)
def test_what_is_no_recorded_file_is_told(path, content, told):
    path.write_bytes(content)
    with pytest.raises(RecordedError, match=told):
        read_recorded(path)


def test_missing_files_are_told(path):
    with pytest.raises(RecordedError, match="no such file; record first"):
        read_recorded(path)
    write_recorded(recorded(), path)
    values_path(path).unlink()
    with pytest.raises(RecordedError, match=r"recorded\.safetensors: no such file"):
        read_recorded(path)


def test_a_failed_write_leaves_both_files_as_they_were(path, monkeypatch):
    write_recorded(recorded(), path)
    before = path.read_bytes(), values_path(path).read_bytes()

    def full(content, target):
        if target == path:
            raise AttrimarkError("the disk is full")
        write_whole(content, target)

    monkeypatch.setattr("attrimark.studies.regression.recorded.write_whole", full)
    with pytest.raises(AttrimarkError, match="full"):
        write_recorded(recorded({name_of("a", 0): cell(0.1)}), path)
    assert (path.read_bytes(), values_path(path).read_bytes()) == before
    assert len(list(path.parent.iterdir())) == 2


@pytest.fixture
def deaths(monkeypatch, tmp_path):
    """What a kill would leave: a copy of the folder before and after every step that changes it."""
    copies = []

    def keep(folder):
        copies.append(shutil.copytree(folder, tmp_path / f"death {len(copies)}"))

    def watched(verb):
        def step(path, *rest, **options):
            folder = Path(path).parent
            keep(folder)
            done = verb(path, *rest, **options)
            keep(folder)
            return done

        return step

    monkeypatch.setattr(os, "replace", watched(os.replace))
    monkeypatch.setattr(Path, "unlink", watched(Path.unlink))
    return copies


def test_a_writer_killed_at_any_point_leaves_what_can_be_read(tmp_path, deaths):
    path = tmp_path / "files" / "recorded.json"
    old, new = recorded(), recorded({NAME: cell(0.1)})
    write_recorded(old, path)
    before = len(deaths)
    write_recorded(new, path)
    left = deaths[before:]
    found = [set(read_recorded(folder / path.name).cells) == set(new.cells) for folder in left]
    assert found == sorted(found)
    assert {*found} == {False, True}
    assert sorted(each.name for each in path.parent.iterdir()) == ["recorded.json", "recorded.safetensors"]
    # whatever was left, the next writer tidies up, and so does one that has nothing to write
    for folder in left:
        again = shutil.copytree(folder, tmp_path / "again" / folder.name) / path.name
        kept = read_recorded(again)
        settle(again)
        assert set(read_recorded(again).cells) == set(kept.cells)
        write_recorded(new, folder / path.name)
        assert set(read_recorded(folder / path.name).cells) == set(new.cells)
        for each in (again.parent, folder):
            assert {one.name for one in each.glob("*.safetensors")} == {"recorded.safetensors"}


def test_a_first_writer_killed_leaves_nothing_or_what_can_be_read(tmp_path, deaths):
    path = tmp_path / "files" / "recorded.json"
    write_recorded(recorded(), path)
    there = [folder for folder in deaths if (folder / path.name).exists()]
    assert 0 < len(there) < len(deaths)
    for folder in there:
        assert set(read_recorded(folder / path.name).cells) == set(recorded().cells)


@pytest.mark.parametrize("place", ["", "file/recorded.json", "recorded.safetensors"])
def test_a_place_that_cannot_be_written_is_told_beforehand(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordedError):
        check_place(tmp_path / place)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file"]


def test_a_name_knows_its_group_and_seed():
    name = name_of("data(seed 3) × seed 4 × lime", 12, 2)
    assert group_of(name) == "data(seed 3) × seed 4 × lime"
    assert seed_of(name) == 12


# What is recorded anew


NAME = name_of("films × tiny × occlusion", 0)


def moved(old, new):
    return renewed(recorded({NAME: old}), recorded({NAME: new}), "because", [NAME])[1].get(NAME)


def test_noise_below_a_third_of_the_tolerance_changes_nothing():
    assert moved(cell(), cell(value=0.5 + 3e-6)) is None
    assert moved(cell(), cell(value=0.5 + 4e-6)) == "kept"
    assert moved(cell(), cell(costs={**FORWARDS, "flops": 10**6 + 300})) is None
    assert moved(cell(), cell(costs={**FORWARDS, "flops": 10**6 - 400})) == "flops"
    assert moved(cell(), cell(costs={**FORWARDS, "peak": 1003})) is None
    assert moved(cell(), cell(costs={**FORWARDS, "peak": 1004})) == "peak"
    assert moved(cell(), cell(costs={**FORWARDS, "forwards": 29})) == "forwards"


def test_bytes_of_another_machine_move_nothing():
    elsewhere = {"costs": {**FORWARDS, "peak": 5000}, "machine": "Linux x86_64, H200"}
    assert moved(cell(), cell(**elsewhere)) is None


@pytest.mark.parametrize("fact", [{"status": "unsupported"}, {"weights": "x"}, {"method": "2"}, {"texts": 2}])
def test_other_facts_are_recorded_anew(fact):
    assert moved(cell(), cell(**fact)) == next(iter(fact))


def test_lines_that_stay_keep_their_reason():
    other = name_of("films × tiny × lime", 0)
    before = recorded({NAME: cell(), other: cell(because="first")})
    after, changed = renewed(before, recorded({NAME: cell(0.7), other: cell()}), "better", [NAME, other])
    assert changed == {NAME: "kept"}
    assert after.cells[NAME].facts.because == "better"
    assert after.cells[other].facts.because == "first"


def test_what_was_not_asked_for_stays_and_what_is_gone_is_dropped():
    other = name_of("films × tiny × lime", 0)
    before = recorded({NAME: cell(), other: cell()})
    after, changed = renewed(before, recorded({NAME: cell(0.7)}), "why", [NAME], only="*occlusion*")
    assert set(after.cells) == {NAME, other}
    assert set(changed) == {NAME}
    after, changed = renewed(before, recorded({NAME: cell()}), "why", [NAME])
    assert set(after.cells) == {NAME}
    assert changed == {other: "no longer in the suite"}


def test_what_has_no_result_yet_stays():
    other = name_of("films × tiny × lime", 0)
    before = recorded({NAME: cell(), other: cell()}, reseeds={group_of(other): {"kept": SPREAD}})
    after, changed = renewed(before, recorded({NAME: cell(0.7)}), "why", [NAME, other])
    assert after.cells[other] is before.cells[other]
    assert after.reseeds == before.reseeds
    assert set(changed) == {NAME}


# The spread over seeds is of what was recorded with it


SPREAD = (0.5, 0.51, 0.49, 0.52, 0.48)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (cell(dataset="e"), "dataset"),
        (cell(weights="x"), "weights"),
        (cell(method="2"), "method"),
        (cell(operator="delete"), "operator"),
        (cell(0.49), "kept's mean"),
        (with_metric(version="2"), "kept's version"),
        (with_metric(operators=("delete", "pad")), "kept's operators"),
        (with_metric(texts=0), "kept"),
        (cell(0.499), None),
        (cell(costs={**FORWARDS, "forwards": 31}), None),
    ],
)
def test_a_spread_over_seeds_goes_with_what_it_was_of(changed, told):
    group = group_of(NAME)
    before = recorded({NAME: cell()}, reseeds={group: {"kept": SPREAD}})
    after, moved = renewed(before, recorded({NAME: changed}), "why", [NAME])
    assert NAME in moved
    assert outdated(before, after) == ({(group, "kept"): told} if told else {})
    assert after.reseeds == ({} if told else before.reseeds)
    # one that was measured with the new numbers takes its place
    fresh = recorded({NAME: changed}, reseeds={group: {"kept": SPREAD[:2]}})
    assert renewed(before, fresh, "why", [NAME])[0].reseeds == fresh.reseeds


def test_a_spread_over_seeds_that_is_left_out_of_date_judges_no_model():
    group = group_of(NAME)
    before = recorded({NAME: cell()}, reseeds={group: {"kept": SPREAD}})
    after, _ = renewed(before, recorded({NAME: cell(0.2, dataset="e")}), "another dataset", [NAME])
    again = recorded({NAME: cell(0.21, dataset="e", weights="x")})
    (told,) = (each for each in compare(after, again) if each.kind == "quality")
    assert told.verdict == "inconclusive"
    assert "cannot tell from reseeding" in told.reason


def test_what_failed_is_not_recorded_and_what_was_recorded_stays():
    before = recorded({NAME: cell()})
    for bad in (cell(status="failed", why="boom"), cell(metric="invalid")):
        run = recorded({NAME: bad})
        assert set(troubles(run)) == {NAME}
        after, changed = renewed(before, run, "why", [NAME])
        assert after.cells[NAME] is before.cells[NAME]
        assert not changed


# From records


SUITE = """
[suites.small]
metrics = ["sufficiency", "average-precision", "accuracy"]
explain = 3
seeds = 2
strategies = [{ name = "full", epochs = 1 }]

[[suites.small.matrix]]
datasets = [{ name = "planted", train = 20, validation = 2, test = 4 }]
models = [{ name = "tiny-encoder", layers = 1 }, { name = "tiny-encoder", layers = 2 }]
methods = ["leave-one-out"]

[[suites.small.matrix]]
datasets = [{ name = "planted", language = "french", train = 20, validation = 2, test = 4 }]
models = [{ name = "tiny-encoder", layers = 2 }]
methods = ["leave-one-out"]
target = "gold"
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    path = tmp_path_factory.mktemp("suite") / "benchmarks.toml"
    path.write_text(SUITE)
    return cells_of(read_suite(path, "small", load_catalog()))


def test_a_model_is_named_by_its_role_and_numbered_among_equals_only(cells):
    names = sorted({group_of(name).split(" × ", 1)[1] for name in names_of(cells).values()})
    chain = "full(epochs=1)"
    assert names == [
        f"tiny-encoder 2 × {chain} × leave-one-out",
        f"tiny-encoder 2 × {chain} × the model alone",
        f"tiny-encoder × {chain} × leave-one-out",
        f"tiny-encoder × {chain} × target gold × leave-one-out",
        f"tiny-encoder × {chain} × target gold × the model alone",
        f"tiny-encoder × {chain} × the model alone",
    ]
    assert len(set(names_of(cells).values())) == len(cells)


def test_records_become_lines_with_their_medians(cells, tmp_path):
    one = next(each for each in cells if each.method)
    digests = {metric.name: digest for digest, metric in one.judgements.items()}
    texts = [example.id for example in one.variant.examples]
    measures = [
        Measure(digests["sufficiency"], text, operator, value + (operator == "mask"))
        for text, value in zip(texts, (0.1, 0.2, 0.6), strict=True)
        for operator in ("mask", "delete")
    ]
    measures += [Measure(digests["average-precision"], texts[0], "", float("nan"))]
    measures += [Measure(digests["average-precision"], texts[1], "", None)]
    record = Record(
        one.id,
        {**one.specs, "operator": "mask"},
        "ok",
        own=Cost(forwards=7, seconds=2.5),
        machine={"system": "Linux", "accelerator": None},
        measures=tuple(measures),
        metric_status=dict.fromkeys(digests.values(), ("ok", None)),
    )
    names = names_of(cells)
    made = taken("small", cells, names, {one.id: record}, lambda record: [])
    (line,) = made.cells.values()
    assert set(made.cells) == {names[one.id]}
    assert line.facts.costs["forwards"] == 7
    assert "seconds" not in line.facts.costs
    assert line.facts.metrics["sufficiency"].median == 0.2  # without the method's own operator
    assert line.facts.metrics["sufficiency"].texts == 3
    assert line.facts.metrics["average-precision"].status == "invalid"
    assert line.values["average-precision"].numbers.tolist()[0][0] == np.inf
    assert np.isnan(line.values["average-precision"].numbers[0][1])
    assert means_by_group(made)[group_of(names[one.id])]["sufficiency"] == (0.3,)
    assert not any(text in repr(line.values) for text in texts)
    failed = {one.id: replace(record, status="failed", reason="'a text'")}
    withheld = taken("small", cells, names, failed, lambda record: [], store_text=False)
    assert next(iter(withheld.cells.values())).facts.why == WITHHELD
    assert narrowed(made, "*lime*").cells == {}


def test_the_spread_over_seeds_is_kept_of_groups_that_have_several():
    group, lone = "films × tiny × occlusion", "films × tiny × none × occlusion"
    several = {name_of(group, seed): cell(seed / 10) for seed in range(5)}
    told = spread_of(recorded({**several, name_of(lone, 0): cell()}))
    assert told == {group: {"kept": (0.1, 0.2, 0.3, 0.4, 0.5)}}


def test_headline_metrics_of_explanations_gate_unless_others_are_named(cells):
    assert primary_of(cells, ()) == ("sufficiency", "average-precision")
    assert primary_of(cells, ("accuracy",)) == ("accuracy",)
    assert primary_of(cells, (), earlier=("sufficiency", "no longer there")) == ("sufficiency",)
    with pytest.raises(AttrimarkError, match='did you mean "sufficiency"'):
        primary_of(cells, ("suficiency",))


def test_a_metric_that_only_describes_cannot_gate(cells, monkeypatch):
    monkeypatch.setattr("attrimark_plugins.metrics.sufficiency.Sufficiency.higher_is_better", None)
    assert primary_of(cells, ()) == ("average-precision",)
    with pytest.raises(AttrimarkError, match="sufficiency describes"):
        primary_of(cells, ("sufficiency",))


def test_at_most_five_metrics_gate(cells, monkeypatch):
    monkeypatch.setattr("attrimark.studies.regression.recording.MOST_PRIMARY", 1)
    with pytest.raises(AttrimarkError, match="2 metrics would gate"):
        primary_of(cells, ())
