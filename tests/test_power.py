"""How many texts a comparison needs, and what a plan says of it and of what it refuses."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from attrimark.cli import main
from attrimark.results.store import Store
from attrimark.run.run_cell import Attempt, unfinished
from attrimark.studies.regression.power import ASSUMED, needed, power_of
from attrimark.studies.regression.quality_change import FEWEST_TEXTS, detectable, texts_needed
from attrimark.studies.regression.recording import names_of, taken
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_registry import Cost, Measure, Record
from attrimark_registry.catalog import load_catalog
from click.testing import CliRunner
from scipy import stats

SUITE = """
[suites.ci]
datasets = [{ name = "task-or-not", pairs = 20 }]
models = ["llama-tiny"]
strategies = ["none", { name = "lora", epochs = 1 }]
methods = ["tuco", "random"]
metrics = ["sufficiency", "average-precision", "accuracy"]
explain = 40
primary = ["sufficiency", "accuracy"]
"""


@pytest.mark.parametrize(("drop", "spread", "tests"), [(0.05, 0.2, 1), (0.05, 0.2, 27), (0.04, 0.6, 1), (0.2, 0.3, 5)])
def test_the_texts_needed_are_the_fewest_with_the_power_promised(drop, spread, tests):
    def power(texts):
        """Of a normal mean to be both no chance and large enough to count."""
        error = spread / math.sqrt(texts)
        bar = max(error * stats.norm.ppf(1 - 0.05 / tests), 0.01, 0.05 * spread)
        return stats.norm.sf(bar, loc=drop, scale=error)

    texts = texts_needed(drop, spread, tests)
    assert power(texts) >= 0.8
    assert texts == FEWEST_TEXTS or power(texts - 1) < 0.8


def test_a_drop_that_does_not_count_is_seen_by_no_number_of_texts():
    assert texts_needed(0.01, 0.1) is None
    assert texts_needed(0.03, 0.6) is None
    assert texts_needed(0.03, 0.5) is not None


def test_fewer_than_thirty_texts_are_never_enough():
    assert texts_needed(0.5, 0.01) == FEWEST_TEXTS


def test_as_many_texts_as_needed_have_the_drop_as_their_detectable_change():
    drop, spread, tests = 0.06, 0.3, 9
    texts = texts_needed(drop, spread, tests)
    values = np.random.default_rng(0).normal(0, 1, texts)
    values = spread * (values - values.mean()) / values.std(ddof=1)
    assert detectable(values[None], tests) == pytest.approx(drop, rel=0.01)


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The command in a folder with the suite, and the suite's cells."""
    monkeypatch.chdir(tmp_path)
    Path("benchmarks.toml").write_text(SUITE)
    cells = cells_of(read_suite(Path("benchmarks.toml"), "ci", load_catalog()))
    return cells, lambda *words: CliRunner().invoke(main, ["plan", "ci", *words])


def stored(cells, spread, metrics=("sufficiency", "accuracy")):
    """Records of all cells: where one can run, values of that standard deviation over texts."""
    records = {}
    for cell in cells:
        values = np.arange(len(cell.variant.examples), dtype=float)
        values *= spread / values.std(ddof=1)
        judged = {
            digest: each
            for digest, each in cell.judgements.items()
            if each.name in metrics and digest not in cell.refusals
        }
        measures = tuple(
            Measure(digest, text.id, "", float(value))
            for digest in judged
            for text, value in zip(cell.variant.examples, values, strict=True)
        )
        status = dict.fromkeys(judged, ("ok", None))
        records[cell.id] = (
            unfinished(cell, Attempt("unsupported", cell.problem))
            if cell.problem
            else Record(cell.id, cell.specs, "ok", own=Cost(forwards=3), measures=measures, metric_status=status)
        )
    return records


def test_a_plan_names_the_metrics_that_are_refused_with_the_reason(plan):
    _, run = plan
    told = run()
    assert told.exit_code == 0, told.output
    assert told.stdout.count("tuco scores parts of the network, not words") == 1
    assert "tuco: unsupported sufficiency, average-precision: tuco scores" in told.stdout
    refused = [cell["refused"] for cell in json.loads(run("--json").stdout)["cells"]]
    assert sorted(map(len, refused)) == [0, 0, 0, 0, 0, 2]


def test_without_any_value_the_spread_is_assumed_and_said(plan):
    _, run = plan
    told = run("--detect", "0.05")
    assert told.exit_code == 0, told.output
    # of each of two models accuracy, and sufficiency of random alone
    assert "in any one of 4 comparisons that gate" in told.stdout
    texts = texts_needed(0.05, ASSUMED, 4)
    assert f"sufficiency: {texts} texts (standard deviation over texts 0.2, assumed" in told.stdout
    assert "The suite explains 40." in told.stdout
    assert "no number of texts" in run("--detect", "0.01").stdout
    assert "detect" not in json.loads(run("--json").stdout)


def test_the_spread_is_what_was_recorded_else_what_is_stored(plan):
    cells, run = plan
    with Store(Path("store")) as store:
        for record in stored(cells, 0.1).values():
            store.save(record)
    told = json.loads(run("--detect", "0.05", "--store", "store", "--json").stdout)["detect"]
    assert told["drop"] == 0.05
    assert {each["source"] for each in told["metrics"]} == {"store"}
    assert {each["texts"] for each in told["metrics"]} == {texts_needed(0.05, 0.1, 4)}
    words = ("record", "ci", "--reason", "x", "--store", "store", "--no-run")
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0, told.output
    assert "in recorded.json" in run("--detect", "0.05").stdout
    Path("recorded.json").write_text("{}")
    assert run("--detect", "0.05").exit_code == 4
    assert run().exit_code == 0


def test_each_metric_has_the_largest_spread_of_the_first_place_that_knows_it(plan):
    cells, _ = plan
    names = names_of(cells)

    def known(spread, *metrics):
        return taken("ci", cells, names, stored(cells, spread, metrics), lambda record: ())

    places = {"recorded": known(0.3, "accuracy"), "stored": known(0.1, "sufficiency", "accuracy")}
    found = needed(0.1, ("sufficiency", "accuracy", "average-precision"), cells, names, places)
    assert [(each.metric, each.source) for each in found] == [
        ("sufficiency", "stored"), ("accuracy", "recorded"), ("average-precision", None),
    ]  # fmt: skip
    assert [round(each.spread, 6) for each in found] == [0.1, 0.3, ASSUMED]
    assert {each.tests for each in found} == {6}


def test_what_could_be_seen_is_said_of_each_primary_metric(plan):
    cells, _ = plan
    told = taken(
        "ci", cells, names_of(cells), stored(cells, 0.2), lambda record: (), primary=("sufficiency", "accuracy")
    )
    lines = list(power_of(told))
    assert [line.split(":")[0] for line in lines] == ["sufficiency", "accuracy"]
    assert all("40 texts, 4 comparisons" in line for line in lines)
