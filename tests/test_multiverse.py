"""A multiverse agrees with the metrics where both make the same analysis, and needs no network."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from importlib import import_module
from itertools import product
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from attrimark.cli import main
from attrimark.document.figures import save_drawings
from attrimark.document.section import drawings_of
from attrimark.results.bundle import read_bundle, write_bundle
from attrimark.results.outputs_file import outputs_path, read_outputs, write_outputs
from attrimark.results.raw_outputs import RawOutputs
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.run.attribute import attribute
from attrimark.run.evaluator import SubsetEvaluator
from attrimark.run.job import Job, Task, from_json, to_json
from attrimark.run.local import Slot, Worker
from attrimark.run.measure import measure
from attrimark.run.prepare import prepare
from attrimark.run.raw_outputs import raw_outputs
from attrimark.run.run_cell import run_cell
from attrimark.run.scheduler import pending, run
from attrimark.run.variants import Variants
from attrimark.run.worker import run_job
from attrimark.statistics.intervals import crossed_interval
from attrimark.studies.multiverse.multiverse import multiverses
from attrimark.studies.multiverse.sections import section_of
from attrimark.studies.multiverse.specification_curve import AWAY, Analysis, Contestant, Levels, curve
from attrimark.studies.multiverse.tables import as_json, says
from attrimark.suite.choices import Choices
from attrimark.suite.matrix import cells_of, splits_of
from attrimark.suite.reading.document import ConfigError
from attrimark.suite.reading.suites import read_suite
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.metrics.sufficiency import Sufficiency
from attrimark_plugins.models.tiny import TinyEncoder, TinyWriter
from attrimark_registry import Attribution, AttrimarkError, Record, load_catalog
from attrimark_registry.errors import Unsupported

from tests.references.written import rendered


def as_text(found, form="table"):
    return rendered([section_of(found)], form)


SUITE = """
[suites.small]
datasets = [{ name = "planted", train = 96, validation = 2, test = 24 }]
models = [{ name = "tiny-encoder", layers = 1, width = 16, heads = 2, pooling = "mean" }]
strategies = [{ name = "full", epochs = 4, learning_rate = 3e-3 }]
seeds = 2
replicates = 2
methods = ["random", "leave-one-out", "input-x-gradient"]
metrics = ["sufficiency", { name = "comprehensiveness", ratio = 0.5 }]
explain = 6
"""
CHOICES = """
[suites.small.multiverse]
lengths = [0.2, 0.5]
poolings = ["sum", "max"]
readings = ["log-odds", "probability"]
classes = ["predicted", "labels", "gold"]
"""
OF_A_CLASS = 3 * 2 * 2 * 2  # analyses: operators, values, poolings, lengths
CELLS = 2 * (1 + 2 + 1 + 1)


def suite_of(path: Path, text: str = SUITE + CHOICES):
    path.write_text(text)
    return read_suite(path, "small", load_catalog())


class Here(Worker):
    """A worker in this process, to whom jobs come, and from whom answers go, as JSON; it trains once for all."""

    weights: Path

    def __init__(self, slot, folder, inbox):
        self.slot, self.folder, self.inbox = slot, folder, inbox
        self.variants = Variants(slot.device, self.weights)
        self.say({"event": "ready"})

    def say(self, message):
        self.inbox.put((self, json.loads(json.dumps(message))))

    def send(self, line):
        run_job(from_json(line, load_catalog()), self.variants, self.folder, self.say)
        self.say({"event": "done"})

    def end(self):
        pass


def computed(suite, store: Store) -> dict:
    with patch("attrimark.run.coordinator.Worker", Here):
        return dict(run(suite, store, [Slot(0, "cpu", 1)], load_catalog().manager))


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory):
    Here.weights = tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A finished suite that keeps raw outputs."""
    folder = tmp_path_factory.mktemp("multiverse")
    suite = suite_of(folder / "benchmarks.toml")
    store = Store(folder / "store")
    assert computed(suite, store) == {"ok": CELLS}
    return suite, store, folder / "benchmarks.toml"


@pytest.fixture(scope="module")
def found(ran):
    (multiverse,) = multiverses(Results(*ran[:2]))
    return multiverse


def kept(suite, store: Store):
    """Cells with their records and raw outputs."""
    cells = [cell for cell in cells_of(suite) if cell.outputs]
    records = store.records(cell.id for cell in cells)
    return [(cell, records[cell.id], read_outputs(outputs_path(store.folder, *cell.outputs))) for cell in cells]


# What is kept


def test_the_metrics_own_analysis_gives_the_metrics_own_values(ran):
    compared = 0
    for cell, record, outputs in kept(*ran[:2]):
        kept_lost, removed_lost = outputs.lost("probability", "predicted")
        pooling = outputs.poolings.index("sum")
        by_metric = {"sufficiency": 1 - kept_lost, "comprehensiveness": removed_lost}
        for each in record.measures:
            metric = cell.judgements[each.metric]
            length = outputs.lengths.index(metric.ratio)
            # a control is judged in several orders
            rows = [row for row, text in enumerate(outputs.texts) if text == each.example]
            values = by_metric[metric.name][rows, outputs.operators.index(each.operator), pooling, length]
            assert values.mean() == pytest.approx(each.value, abs=1e-5)
            compared += 1
    assert compared == 2 * 4 * 6 * 3 * 2  # seeds, methods and replicates, texts, operators, metrics


@pytest.mark.long
def test_keeping_outputs_costs_a_method_nothing(ran, tmp_path):
    suite, store, _ = ran
    bare = Store(tmp_path / "store")
    computed(suite_of(tmp_path / "benchmarks.toml", SUITE), bare)
    cells = [cell.id for cell in cells_of(suite)]
    for one, other in zip(store.records(cells).values(), bare.records(cells).values(), strict=True):
        assert replace(one.own, seconds=0.0) == replace(other.own, seconds=0.0)


def test_pooling_changes_what_methods_of_the_network_keep_and_nothing_for_others(ran):
    for cell, _, outputs in kept(*ran[:2]):
        _, removed = outputs.lost("log-odds", "predicted")
        alike = np.array_equal(removed[..., 0, :], removed[..., 1, :])
        assert alike is (cell.method.name != "input-x-gradient")


def test_token_scores_are_those_that_were_pooled(ran):
    suite, store, _ = ran
    for cell, record, _ in kept(suite, store):
        for each in read_bundle(store.bundle_path(record.bundle)):
            if cell.method.name == "input-x-gradient":
                sums = np.bincount(each.feature_of, each.unpooled, minlength=len(each.features))
                np.testing.assert_allclose(sums, each.scores, atol=1e-5, rtol=1e-5)
            else:
                assert each.unpooled is None


def test_tied_scores_count_as_the_metrics_count_them(ran):
    cell = next(cell for cell in cells_of(ran[0]) if cell.outputs)
    model = cell.variant.model.load(splits_of(cell.variant.dataset).labels, "cpu")
    with model.active():
        # so short that all orders of ties are gone through
        short = [each for each in splits_of(cell.variant.dataset).test if len(each.text.split()) <= 10]
        prepared = prepare(model, short[:3], "predicted", "word")
        tied = [
            Attribution(row.example, row.features, np.ones(len(row.features), np.float32), row.target, "all alike")
            for row in prepared.rows
        ]
        outputs = raw_outputs(prepared, cell, *cell.captures, tied)
        measured = measure(prepared, Sufficiency(), tied, outputs.operators)
    assert len(outputs.rationale) > np.prod(outputs.shape)
    np.testing.assert_allclose(np.bincount(outputs.rationale, outputs.weights), 1)
    lost = outputs.lost("probability", "predicted")[0, :, :, 0, outputs.lengths.index(0.2)]
    np.testing.assert_allclose(1 - lost.T.ravel(), [each.value for each in measured], atol=1e-5)


def test_a_written_text_is_read_as_its_metric_reads_it(ran):
    cell = next(cell for cell in cells_of(ran[0]) if cell.outputs)
    model = TinyWriter(layers=1, most=3).load((), "cpu")
    with model.active():
        prepared = prepare(model, cell.variant.examples[:3], "predicted", "word")
        made = attribute(prepared, LeaveOneOut()).explained
        outputs = raw_outputs(prepared, cell, *cell.captures, made)
        measured = measure(prepared, Sufficiency(), made, outputs.operators)
    lost = outputs.lost("probability", "predicted")[0, :, :, 0, outputs.lengths.index(0.2)]
    np.testing.assert_allclose(1 - lost.T.ravel(), [each.value for each in measured], atol=1e-5)
    assert outputs.reads("predicted").all()
    assert not outputs.reads("gold").any()
    with pytest.raises(Unsupported, match="no decision"):
        outputs.lost("decision", "predicted")


def test_what_is_read_is_what_was_written_and_any_flipped_byte_is_noticed(ran, tmp_path):
    _, _, outputs = kept(*ran[:2])[0]
    path = tmp_path / "outputs.safetensors"
    write_outputs(outputs, path)
    content = path.read_bytes()
    read = read_outputs(path)
    for name, value in vars(outputs).items():
        np.testing.assert_array_equal(getattr(read, name), value)
    for place in range(0, len(content), 97):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(AttrimarkError, match="corrupt"):
            read_outputs(path)
    with pytest.raises(AttrimarkError, match="cannot be read"):
        read_outputs(tmp_path / "nothing")


def test_choices_travel_to_workers(ran):
    cells = cells_of(ran[0])
    job = Job(cells[1].variant, (0,), (Task(cells[1], cells[1].wanted),))
    again = from_json(to_json(job), load_catalog())
    assert again == job
    assert again.tasks[0].cell.outputs == cells[1].outputs


# When it is computed


def test_a_finished_run_with_outputs_has_nothing_left_to_do(ran, monkeypatch):
    suite, store, _ = ran
    assert pending(cells_of(suite), store) == []
    monkeypatch.setattr("attrimark.run.coordinator.Worker", None)
    assert run(suite, store, [Slot(0, "cpu", 1)], load_catalog().manager) == {"ok": CELLS}


@pytest.mark.long
def test_outputs_are_added_to_a_finished_run_without_explaining_again(ran, tmp_path, monkeypatch):
    path, store = tmp_path / "benchmarks.toml", Store(tmp_path / "store")
    computed(suite_of(path, SUITE), store)
    with pytest.raises(AttrimarkError, match=r"add a table \[suites.small.multiverse\]"):
        multiverses(Results(suite_of(path, SUITE), store))
    suite = suite_of(path)
    before = {cell: record.bundle for cell, record in store.records(cell.id for cell in cells_of(suite)).items()}
    with pytest.raises(AttrimarkError, match="run `attrimark run small`"):
        multiverses(Results(suite, store))
    tasks = [task for job in pending(cells_of(suite), store) for task in job.tasks]
    assert all(task.bundle and task.wanted == tuple(task.cell.outputs) for task in tasks)
    assert computed(suite, store) == {"ok": CELLS}
    after = store.records(cell.id for cell in cells_of(suite))
    assert {cell: record.bundle for cell, record in after.items()} == before
    for (_, _, one), (_, _, other) in zip(kept(suite, store), kept(*ran[:2]), strict=True):
        np.testing.assert_allclose(one.outputs, other.outputs, atol=1e-5)
        np.testing.assert_array_equal(one.rationale, other.rationale)


def test_what_several_studies_ask_to_keep_is_kept_for_each(ran):
    suite, store, _ = ran
    other = replace(suite, captures=(*suite.captures, Choices(lengths=(0.3,), poolings=("sum",))))
    (cell, *_) = (cell for cell in cells_of(other) if cell.outputs)
    first, second = cell.outputs
    assert first != second
    tasks = [task for job in pending(cells_of(other), store) for task in job.tasks]
    assert {task.wanted for task in tasks} == {(each,) for one in cells_of(other) for each in [*one.outputs][1:]}
    (variant,) = {task.cell.variant for task in tasks if task.cell.id == cell.id}
    (record,) = store.records([cell.id]).values()
    model = variant.model.load(splits_of(variant.dataset).labels, "cpu")
    with model.active():
        prepared = prepare(model, variant.examples, variant.target, variant.granularity)
        made = run_cell(cell, prepared, read_bundle(store.bundle_path(record.bundle)), (second,))
    assert [*made.outputs] == [second]
    assert made.outputs[second].lengths == (0.3,)


def test_only_lost_outputs_and_other_lengths_are_asked_for_again(ran, tmp_path):
    suite, store, _ = ran
    cell = next(cell for cell in cells_of(suite) if cell.outputs)
    path = outputs_path(store.folder, *cell.outputs)
    content = path.read_bytes()
    path.unlink()
    try:
        (job,) = pending(cells_of(suite), store)
        assert [(task.cell.id, task.wanted) for task in job.tasks] == [(cell.id, tuple(cell.outputs))]
    finally:
        path.write_bytes(content)
    read_otherwise = suite_of(tmp_path / "a.toml", SUITE + CHOICES.replace('"log-odds", ', '"logit", '))
    assert pending(cells_of(read_otherwise), store) == []
    longer = suite_of(tmp_path / "b.toml", SUITE + CHOICES.replace("[0.2, 0.5]", "[0.2, 0.5, 0.7]"))
    assert sum(len(job.tasks) for job in pending(cells_of(longer), store)) == 2 * 4


@pytest.mark.long
def test_attributions_of_a_time_without_token_scores_are_made_again(tmp_path):
    suite, store = suite_of(tmp_path / "benchmarks.toml", SUITE), Store(tmp_path / "store")
    computed(suite, store)
    for record in store.records(cell.id for cell in cells_of(suite)).values():
        if record.bundle:
            old = [
                replace(each, unpooled=None, feature_of=None) for each in read_bundle(store.bundle_path(record.bundle))
            ]
            store.save(replace(record, bundle=store.adopt(write_bundle(old, store.spool))))
    suite = suite_of(tmp_path / "benchmarks.toml")
    assert computed(suite, store) == {"ok": CELLS}
    assert pending(cells_of(suite), store) == []
    assert len(kept(suite, store)) == 2 * 4


# What it says


def by_hand() -> dict[str, np.ndarray]:
    """Two methods on one seed, three texts, two operators, one pooling, two lengths."""
    rng = np.random.default_rng(3)
    return {name: rng.normal(size=(1, 3, 2, 1, 2)) for name in ("a", "b")}


LEVELS = Levels(("mask", "delete"), ("probability", "log-odds"), ("sum",), (0.2, 0.5), ("predicted",))
OWN = Analysis(AWAY, "probability", "sum", 0.2, "predicted")


def contest(values, homes=(None, None), levels=LEVELS, own=OWN):
    """The curve of two methods whose log-odds are three times their probabilities."""
    made = [
        Contestant(
            name,
            frozenset({home} if home else ()),
            {("probability", "predicted"): grid, ("log-odds", "predicted"): 3 * grid},
        )
        for (name, grid), home in zip(values.items(), homes, strict=True)
    ]
    return curve("sufficiency", *made, levels, own)


def test_every_analysis_is_the_paired_interval_of_its_slice():
    values = by_hand()
    made = contest(values)
    assert [each.analysis for each in made.findings] == [Analysis(*each) for each in product(*LEVELS.of.values())]
    for finding in made.findings:
        operator, value, _, length, _ = finding.analysis
        place = LEVELS.operators.index(operator), 0, LEVELS.lengths.index(length)
        times = 3 if value == "log-odds" else 1
        difference = (times * values["a"] - times * values["b"])[:, :, *place]
        assert finding.difference == crossed_interval(difference)
    assert made.different == len(made.findings) == LEVELS.analyses == 8


def test_the_own_analysis_is_away_from_both_methods():
    values = by_hand()
    difference = values["a"] - values["b"]
    for homes, operators in ((("mask", None), [1]), ((None, None), [0, 1]), (("delete", "delete"), [0])):
        own = contest(values, homes).own
        assert own.difference == crossed_interval(difference[:, :, operators, 0, 0].mean(axis=2))
    nowhere = contest(values, ("mask", "delete"))
    assert nowhere.own.verdict == "–"
    assert nowhere.turned == ()


def test_shares_and_turns_are_counted():
    # a is better by 1 under mask, and worse by 1 under delete with the long rationale only
    grid = np.zeros((1, 3, 2, 1, 2))
    grid[:, :, 0] = 1
    grid[:, :, 1, :, 1] = -1
    noise = 0.01 * np.arange(3)[None, :, None, None, None]
    made = contest({"a": grid + noise * (grid != 0), "b": np.zeros_like(grid)})
    assert made.share("better") == 1 / 2
    assert made.share("worse") == made.share("tie") == 1 / 4
    better, worse = made.by_level("better"), made.by_level("worse")
    assert better["operator"] == {"mask": 1, "delete": 0}
    assert better["length"] == {0.2: 0.5, 0.5: 0.5}
    assert worse["length"] == {0.2: 0, 0.5: 0.5}
    assert better["value"] == {"probability": 0.5, "log-odds": 0.5}
    # the own analysis averages both operators with the short rationale: better by a half
    assert made.own.verdict == "better"
    turned = {(factor, getattr(each.analysis, factor)): each.verdict for factor, each in made.turned}
    assert turned == {("operator", "delete"): "tie", ("length", 0.5): "tie"}
    assert says(made) == (
        "a beats b in 50% of 8 analyses (5 different) and is worse in 25%. It depends most on the operator: 100% "
        "with mask, 0% with delete. The suite's own analysis: better. One other choice turns it: operator delete "
        "(not told apart), length 0.5 (not told apart)."
    )


def test_differences_that_are_all_alike_are_judged_by_their_signs():
    texts = 8
    same = {name: np.ones((1, texts, 2, 1, 2)) for name in ("a", "b")}
    assert {each.verdict for each in contest(same).findings} == {"tie"}
    apart = contest({"a": 2 * same["a"], "b": same["b"]})
    assert {each.verdict for each in apart.findings} == {"better"}
    few = contest({"a": 2 * same["a"][:, :4], "b": same["b"][:, :4]})
    assert {each.verdict for each in few.findings} == {"tie"}


def test_choices_that_change_nothing_are_told():
    levels = replace(LEVELS, poolings=("sum", "max"))
    values = {name: np.repeat(grid, 2, axis=3) for name, grid in by_hand().items()}
    made = contest(values, levels=levels)
    assert (len(made.findings), made.different) == (16, 8)


def test_classes_are_read_where_they_are_explained():
    outputs = RawOutputs(
        texts=("t0", "t1", "t2"),
        labels=("no", "yes"),
        operators=("mask",),
        poolings=("sum",),
        lengths=(0.5,),
        # of each text: full, empty, kept, removed
        outputs=np.array([[0, 1], [0, 0], [0, 2], [0, -1]] * 2 + [[3, 0], [0, 0], [1, 0], [2, 0]], dtype=np.float32),
        text=np.repeat(np.arange(3), 4),
        full=np.array([0, 4, 8]),
        empty=np.array([[1], [5], [9]]),
        rationale=np.arange(3),
        kept=np.array([2, 6, 10]),
        removed=np.array([3, 7, 11]),
        weights=np.ones(3),
        predicted=np.array([[False, True], [False, True], [True, False]]),
        explained=np.array([[False, True], [False, True], [True, False]]),
        gold=np.array([1, 0, -1]),
    )
    lost = {whose: outputs.lost("logit", whose)[:, :, 0, 0, 0].tolist() for whose in ("predicted", "yes")}
    assert lost["predicted"] == [[-1, -1, 2], [2, 2, 1]]
    np.testing.assert_equal(lost["yes"], [[-1, -1, np.nan], [2, 2, np.nan]])
    np.testing.assert_equal(outputs.lost("logit", "gold")[0, :, 0, 0, 0], [-1, np.nan, np.nan])
    assert np.isnan(outputs.lost("logit", "perhaps")).all()
    odds = 1 / (1 + np.exp(-np.array([1, 2, -1])))
    np.testing.assert_allclose(outputs.lost("probability", "yes")[:, 0, 0, 0, 0], odds[0] - odds[1:])


def test_nothing_goes_through_a_network(ran, monkeypatch):
    def never(*_, **__):
        raise AssertionError("a network is asked for")

    monkeypatch.setattr(TinyEncoder, "load", never)
    monkeypatch.setattr(SubsetEvaluator, "__init__", never)
    monkeypatch.setattr("attrimark.run.coordinator.Worker", never)
    (multiverse,) = multiverses(Results(*ran[:2]))
    assert multiverse.levels.analyses == OF_A_CLASS * len(multiverse.levels.classes)
    assert len(as_json(multiverse)["curves"][0]["analyses"]) == multiverse.levels.analyses


def test_methods_are_ranked_and_compared_by_their_own_analysis(found):
    assert found.texts == 6
    assert found.seeds == 2
    for metric, ranked in found.ranked.items():
        mine = [each for each in found.curves if each.metric == metric]
        others = [label for label in ranked if label != "chance"]
        assert [(each.a, each.b) for each in mine] == [*((label, "chance") for label in others), tuple(others)]
        assert {each.own.analysis.length for each in mine} == {0.2 if metric == "sufficiency" else 0.5}
    against = next(each for each in found.curves if (each.a, each.b) == ("leave-one-out", "chance"))
    # replicates of random are averaged, and leave-one-out used mask itself
    assert against.own.analysis.operator == AWAY


def test_every_class_is_read_or_left_out_with_its_reason(found):
    told = " ".join(found.notes)
    for name in ("predicted", "negative", "positive", "gold"):
        assert (name in found.levels.classes) is (f"class {name} is left out" not in told)
    assert "predicted" in found.levels.classes


def test_a_pair_is_compared_in_the_order_asked(ran):
    suite, store, _ = ran
    (one,) = multiverses(Results(suite, store), ["sufficiency"], ("random", "leave-one-out"))
    (other,) = multiverses(Results(suite, store), ["sufficiency"], ("leave-one-out", "random"))
    assert one.curves[0].share("better") == other.curves[0].share("worse")
    with pytest.raises(AttrimarkError, match='did you mean "leave-one-out"'):
        multiverses(Results(suite, store), ["sufficiency"], ("leave-two-out", "random"))


def test_tables_json_and_figures_say_the_same(found, tmp_path):
    text = as_text(found)
    assert max(map(len, text.splitlines())) <= 100
    assert f"{found.levels.analyses} analyses" in text
    plain = json.loads(json.dumps(as_json(found), allow_nan=False))
    for each, told in zip(found.curves, plain["curves"], strict=True):
        assert told["shares"]["better"] == each.share("better")
        assert says(each) == told["says"]
    written = save_drawings(drawings_of([section_of(replace(found, curves=found.curves[:1]))]), tmp_path)
    assert {path.suffix for path in written} == {".svg", ".png"}


def test_a_single_method_is_compared_with_nothing(found):
    alone = replace(found, ranked={"sufficiency": ("random",)}, curves=())
    assert "no two methods to compare" in as_text(alone)
    assert as_json(alone)["curves"] == []


def test_the_command_prints_and_says_what_is_missing(ran, tmp_path, capsys):
    _, store, path = ran
    common = ["--config", str(path), "--store", str(store.folder)]
    assert called(["multiverse", "small", "--metric", "sufficiency", *common]) == 0
    assert "The suite's own analysis" in capsys.readouterr().out
    assert called(["multiverse", "small", "--json", "--a", "random", "--b", "leave-one-out", *common]) == 0
    assert len(json.loads(capsys.readouterr().out)[0]["curves"]) == 2
    assert called(["multiverse", "small", "--a", "random", *common]) == 4
    assert called(["multiverse", "small", "--config", str(path), "--store", str(tmp_path / "empty")]) == 5
    assert "holds no results" in capsys.readouterr().err
    Store(tmp_path / "fresh").close()
    assert called(["multiverse", "small", "--config", str(path), "--store", str(tmp_path / "fresh")]) == 5
    assert "nothing is stored for the multiverse" in capsys.readouterr().err


def test_a_weak_model_has_its_banner_above_the_numbers(found):
    assert found.accuracy is None  # the suite does not measure it
    weak = as_text(replace(found, accuracy=0.5))
    assert weak.index("WEAK MODEL: its accuracy is 0.5,") < weak.index("sufficiency:")
    assert "WEAK" not in as_text(replace(found, accuracy=0.9))


def test_the_accuracy_is_that_of_the_model_alone(ran):
    _, store, path = ran
    right = suite_of(path.with_name("right.toml"), SUITE.replace("metrics = [", 'metrics = ["accuracy", ') + CHOICES)
    assert computed(right, store)["ok"] > 0
    (found,) = multiverses(Results(right, store))
    records = store.records(cell.id for cell in cells_of(right))
    values = [each.value for record in records.values() if record.specs["method"] is None for each in record.measures]
    assert found.accuracy == pytest.approx(np.mean(values))


def test_the_time_that_the_documents_tell_is_of_as_many_analyses(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "performance")
    performance = import_module("multiverse")
    for name in ("machine", "multiverse"):  # imported by their names: no other test may find them
        sys.modules.pop(name)

    suite = performance.suite_of(3, 4, 2, tmp_path)
    with Store(tmp_path / "store") as store:
        for cell in (each for each in cells_of(suite) if each.method is not None):
            write_outputs(performance.drawn(cell, np.random.default_rng(0)), outputs_path(store.folder, *cell.outputs))
            store.save(Record(cell.id, cell.specs, "ok", metric_status=dict.fromkeys(cell.outputs, ("ok", None))))
        (found,) = multiverses(Results(suite, store))
    assert (found.levels.analyses, found.texts, found.seeds, found.notes) == (96, 4, 2, ())
    assert len(found.ranked["sufficiency"]) == 3
    assert all(each.different > 1 for each in found.curves)


def called(arguments: list[str]) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("lengths = [0.0]", "more than 0"),
        ("lengths = []", "a list of 1 or more"),
        ("lengths = [0.2, 0.2]", "name each once"),
        ('poolings = ["median"]', '"sum"'),
        ("length = [0.2]", 'did you mean "lengths"'),
    ],
)
def test_wrong_choices_are_told_where_they_stand(tmp_path, wrong, told):
    with pytest.raises(ConfigError, match=told):
        suite_of(tmp_path / "benchmarks.toml", f"{SUITE}[suites.small.multiverse]\n{wrong}\n")


def test_choices_are_the_same_after_travelling_as_lists():
    choices = Choices(lengths=(0.1,), classes=("labels",))
    assert Choices.of({name: list(levels) for name, levels in vars(choices).items()}) == choices


def test_the_documented_suite_makes_as_many_analyses_as_it_says(tmp_path):
    root = Path(__file__).parents[1]
    document = (root / "docs" / "multiverse.md").read_text()
    path = tmp_path / "benchmarks.toml"
    path.write_text(re.findall(r"```toml\n(.*?)```", document, re.DOTALL)[0])
    catalog = load_catalog()
    suite = read_suite(path, "mine", catalog)
    assert suite.captures[0] == read_suite(root / "benchmarks.toml", "planted", catalog).captures[0]
    labels = splits_of(suite.matrices[0].datasets[0]).labels
    classes = [name for each in suite.captures[0].classes for name in (labels if each == "labels" else [each])]
    crossed = [
        ["mask", "delete"],
        suite.captures[0].readings,
        suite.captures[0].poolings,
        suite.captures[0].lengths,
        classes,
    ]
    assert len(list(product(*crossed))) == 96
    assert "= 96 analyses" in document
