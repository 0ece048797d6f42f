"""The score of a method on a text has one definition: one table of cases, and every reader gets the same of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from attrimark.results.model_metrics import alone
from attrimark.results.outputs_file import outputs_path, write_outputs
from attrimark.results.raw_outputs import RawOutputs
from attrimark.results.results import Results
from attrimark.results.scores import NOTHING_FOREIGN, scores
from attrimark.results.store import Store
from attrimark.studies.comparisons.networks import networks
from attrimark.studies.leaderboard.leaderboard import leaderboards
from attrimark.studies.multiverse.multiverse import multiverses
from attrimark.studies.regression.recording import names_of, taken
from attrimark.studies.regression.regression import compare
from attrimark.studies.stability.stability import _models
from attrimark.studies.tuco.detection import measured
from attrimark.studies.two_runs.two_runs import Run, compare_runs
from attrimark.suite.matrix import Cell
from attrimark.suite.reading.suites import read_suite
from attrimark_plugins.metrics.accuracy import Accuracy
from attrimark_registry import Measure, Record, load_catalog

CATALOG = load_catalog()
TEXTS, SEEDS = 4, 2
SUITE = f"""
[suites.made]
datasets = [{{ name = "planted", train = 16, validation = 4, test = {TEXTS} }}]
models = [{{ name = "tiny-encoder", width = 8, heads = 2 }}]
seeds = {SEEDS}
strategies = ["full"]
replicates = REPLICATES
operators = OPERATORS
methods = ["shapley-sampling", "gradient", "random"]
metrics = ["sufficiency", "accuracy"]
explain = {TEXTS}

[suites.made.multiverse]
lengths = [0.2]
poolings = ["sum"]
readings = ["probability"]
classes = ["predicted"]
"""
METHOD, HOME = "shapley-sampling", {"shapley-sampling": "mask", "gradient": "pad", "random": "mask"}

AT_CHANCE = 0.2
WHOLE = 0.9  # the probability of a whole text, where raw outputs are made up

Value = float | None  # None where the metric does not apply


@dataclass(frozen=True)
class Case:
    """What a method's cells hold, and what every reader makes of it.

    Attributes:
        holds: whether a seed has a result for the method at all.
        expected: the mean over seeds and texts, or how the refusal begins.
    """

    expected: float | str
    operators: tuple[str, ...] = ("mask", "delete")
    replicates: int = 1
    holds: tuple[bool, ...] = (True, True)

    def value(self, seed: int, replicate: int, text: int, operator: str) -> Value:
        """Of the method under test."""
        return {"mask": 0.9, "delete": 0.3, "attention": 0.5}[operator] + 0.01 * text + 0.02 * seed + 0.04 * replicate


class Missing(Case):
    """One text has no value under one foreign operator, on one seed."""

    def value(self, seed, replicate, text, operator):
        found = super().value(seed, replicate, text, operator)
        return None if (seed, text, operator) == (1, 3, "delete") else found


class Broken(Case):
    """One text has NaN under one operator, on one seed."""

    def value(self, seed, replicate, text, operator):
        found = super().value(seed, replicate, text, operator)
        return math.nan if (seed, text, operator) == (0, 1, "delete") else found


EVERY = 0.01 * np.arange(TEXTS).mean() + 0.02 * 0.5  # what texts and seeds add on average
CASES = {
    "an own and a foreign operator": Case(0.3 + EVERY),
    "one foreign operator only": Case(0.3 + EVERY, operators=("delete",)),
    "two foreign operators": Case(0.4 + EVERY, operators=("mask", "delete", "attention")),
    "the own operator only": Case(NOTHING_FOREIGN, operators=("mask",)),
    "replicates": Case(0.3 + EVERY + 0.02, replicates=2),
    "a value that does not apply": Missing(0.3 + 0.01 * 1 + 0.01),
    "NaN": Broken("invalid: NaN or infinite on 1 of 4 texts"),
    "a missing cell": Case("no result yet", holds=(True, False)),
}


def made(case: Case, folder) -> Results:
    """A suite whose stored results are those of the case; the other methods have values that are whole."""
    operators, path = list(case.operators), folder / "benchmarks.toml"
    path.write_text(SUITE.replace("OPERATORS", str(operators)).replace("REPLICATES", str(case.replicates)))
    suite = read_suite(path, "made", CATALOG)
    results = Results(suite, Store(folder / "store"))
    for cell in results.cells:
        if record := record_of(cell, case):
            results.store.save(record)
            if cell.outputs:
                write_outputs(outputs_of(cell, case), outputs_path(results.store.folder, *cell.outputs))
    return results


def record_of(cell: Cell, case: Case, right: Sequence[Value] = (1.0,) * TEXTS) -> Record | None:
    names = {digest: metric.name for digest, metric in cell.judgements.items()}
    texts = [each.id for each in cell.variant.examples]
    if cell.method is None:
        (digest,) = (digest for digest, name in names.items() if name == "accuracy")
        measures = [Measure(digest, text, "", value) for text, value in zip(texts, right, strict=True)]
        return Record(cell.id, cell.specs, "ok", measures=measures)
    if cell.method.name == METHOD and not case.holds[cell.variant.seed]:
        return None
    (digest,) = (digest for digest, name in names.items() if name == "sufficiency")
    measures = [
        Measure(digest, text, operator, value_of(cell, case, place, operator))
        for place, text in enumerate(texts)
        for operator in case.operators
    ]
    status = dict.fromkeys((digest, *cell.outputs), ("ok", None))
    specs = {**cell.specs, "operator": HOME[cell.method.name]}
    return Record(cell.id, specs, "ok", measures=measures, metric_status=status)


def value_of(cell: Cell, case: Case, text: int, operator: str) -> Value:
    if cell.method and cell.method.name == METHOD:
        return case.value(cell.variant.seed, cell.replicate, text, operator)
    return AT_CHANCE


def outputs_of(cell: Cell, case: Case) -> RawOutputs:
    """Logits of which the probabilities give the same sufficiency: 1 − (p of the whole text − p of the rationale)."""
    texts = tuple(each.id for each in cell.variant.examples)
    values = [[value_of(cell, case, place, each) for each in case.operators] for place in range(len(texts))]
    kept = np.array([[np.nan if each is None else each + WHOLE - 1 for each in row] for row in values])
    full = np.full_like(kept, WHOLE)
    p = np.stack([full, kept], axis=-1).reshape(-1)  # text by text, operator by operator: whole, then the rationale
    logits = np.stack([np.log(p) - np.log1p(-p), np.zeros_like(p)], axis=-1)
    index = np.arange(kept.size)
    first = np.tile([True, False], (len(texts), 1))
    return RawOutputs(
        texts=texts,
        labels=("positive", "negative"),
        operators=case.operators,  # pyright: ignore[reportArgumentType]
        poolings=("sum",),
        lengths=(0.2,),
        outputs=logits,
        text=np.repeat(np.arange(len(texts)), 2 * len(case.operators)),
        full=2 * len(case.operators) * np.arange(len(texts)),
        empty=2 * index.reshape(kept.shape),
        rationale=index,
        kept=2 * index + 1,
        removed=2 * index,
        weights=np.ones(kept.size),
        predicted=first,
        explained=first,
        gold=np.zeros(len(texts), dtype=int),
    )


# Readers: the method's score, or why there is none


def by_board(results: Results) -> float | str:
    (board,) = leaderboards(list(results.records.values()), results.metrics)
    row = next(each for each in board.rows if each.method == METHOD)
    if row.status != "ok":
        return str(row.reason)
    (score,) = row.scores.values()
    return str(score.reason) if score.away is None else score.away


def by_comparison_of_runs(results: Results) -> float | str:
    run = Run("made", list(results.records.values()), results.metrics)
    (place,) = compare_runs(run, run).places
    found = next((each.before for each in place.changes if each.method == METHOD), None)
    return next(note for note in place.notes if METHOD in note) if found is None else found


def by_gate(results: Results) -> float | str:
    names = names_of(results.cells)
    recorded = taken("made", results.cells, names, results.records, lambda _: ())
    if len(results.records) < len(results.cells):
        whole = {cell.id: record for cell in results.cells if (record := record_of(cell, Case(0.0)))}
        before = taken("made", results.cells, names, whole, lambda _: ())
        return next(f"no result yet: {each.verdict}" for each in compare(before, recorded) if each.verdict == "missing")
    found = [each for each in compare(recorded, recorded) if f"× {METHOD}" in each.cell and each.kind == "quality"]
    if found:
        return str(found[0].reason) if found[0].verdict == "incomparable" else float(found[0].before or 0)
    cells = [cell for name, cell in recorded.cells.items() if METHOD in name]
    return next(each.status for cell in cells for each in cell.facts.metrics.values() if each.status != "ok")


def by_strategies(results: Results) -> float | str:
    known = networks(results).values()
    if notes := [note for each in known for note in each.notes if METHOD in note]:
        return notes[0]
    tables = [
        np.array(list(each.judged[label].values())) for each in known for label in each.judged if label[0] == METHOD
    ]
    means = np.mean(tables, axis=0)
    return float(means[np.isfinite(means)].mean()) if np.isfinite(means).any() else NOTHING_FOREIGN


def by_multiverse(results: Results) -> float | str:
    (found,) = multiverses(results, ["sufficiency"])
    if METHOD not in found.ranked["sufficiency"]:
        return next(note for note in found.notes if METHOD in note)
    curve = next(each for each in found.curves if {each.a, each.b} == {METHOD, "chance"})
    return abs(curve.own.difference.mean) + AT_CHANCE


READERS: tuple[Callable[[Results], float | str], ...] = (
    by_board,
    by_comparison_of_runs,
    by_gate,
    by_strategies,
    by_multiverse,
)


@pytest.mark.parametrize("name", CASES)
def test_every_reader_gets_the_same_score_or_the_same_refusal(name, tmp_path):
    case = CASES[name]
    results = made(case, tmp_path)
    for read in READERS:
        if read is by_multiverse and isinstance(case, Missing):
            continue  # raw outputs have every operator of a text, or none
        found = read(results)
        if isinstance(case.expected, str):
            assert case.expected.partition(":")[0] in str(found), read.__name__
        else:
            assert found == pytest.approx(case.expected), read.__name__
    results.store.close()


# Metrics of the model: one number a network


RIGHT: dict[str, tuple[tuple[Value, ...], float | None]] = {
    "a value of every text": ((1.0, 0.0, 1.0, 1.0), 0.75),
    "a text that it says nothing of": ((1.0, 0.0, None, 0.5), 0.5),
    "NaN": ((1.0, 0.0, math.nan, 1.0), None),
    "no text that it says anything of": ((None,) * TEXTS, None),
}


@pytest.mark.parametrize("name", RIGHT)
def test_every_reader_gets_the_same_number_of_a_model(name, tmp_path):
    right, expected = RIGHT[name]
    results = made(CASES["an own and a foreign operator"], tmp_path)
    cells = [cell for cell in results.cells if cell.method is None]
    for cell in cells:
        record = record_of(cell, Case(0.0), right)
        assert record
        results.store.save(record)
    found = Results(results.suite, results.store)
    records = list(found.records.values())
    (board,) = leaderboards(records, found.metrics)
    (models,) = _models(found.cells, found)
    of_networks = [each.alone.get("accuracy", {}) for each in networks(found).values()]
    known = [value for values in of_networks for value in values.values() if np.isfinite(value)]
    of_prompts = [measured(cell, found.records[cell.id]).get("accuracy", {}) for cell in cells]
    told = {
        "board": board.alone.get("accuracy"),
        "banner": alone(records, found.metrics).get(Accuracy()),
        "over seeds": models.figures["accuracy"].mean,
        "strategies": float(np.mean(known)) if known else None,
        "contribution": float(np.mean([list(each.values()) for each in of_prompts])) if all(of_prompts) else None,
    }
    if expected is None:
        assert all(value is None or math.isnan(value) for value in told.values()), told
    else:
        assert told == {reader: pytest.approx(expected) for reader in told}
    results.store.close()


# The array


def test_missing_and_invalid_values_are_kept_apart():
    measures = [
        Measure("m", "a", "mask", 1.0),
        Measure("m", "b", "mask", None),
        Measure("m", "a", "delete", math.inf),
        Measure("m", "b", "delete", 3.0),
        Measure("other", "a", "pad", 9.0),
    ]
    record = Record("cell", {"method": "lrp", "operator": "mask", "seed": 0}, "ok", measures=measures)
    array = scores({(0, 0): record}, "m")
    assert (array.texts, array.operators, array.home) == (("a", "b"), ("mask", "delete"), {"mask"})
    assert array.missing.tolist() == [[[False, False], [True, False]]]
    assert array.invalid.tolist() == [[[False, True], [False, False]]]
    np.testing.assert_equal(array.values, [[[1.0, np.nan], [np.nan, 3.0]]])
    np.testing.assert_equal(array.by_text, [[np.nan, 3.0]])
    assert array.refusal == "invalid: NaN or infinite on 1 of 2 texts"
    assert scores({(0, 0): record}, "unknown").refusal == "not measured"
    assert array.on(["b"]).by_id == {"b": 3.0}
    other = replace(record, measures=measures[1:2])
    assert np.isnan(scores({(0, 0): record, (0, 1): other}, "m").values[0, 0, 0])  # a replicate lacks it


def test_the_control_has_no_operator_of_its_own():
    record = Record(
        "cell", {"method": "random(seed = 3)", "operator": "mask"}, "ok", measures=[Measure("m", "a", "mask", 1.0)]
    )
    assert scores({(0, 0): record}, "m").foreign.tolist() == [True]
