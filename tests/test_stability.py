"""A suite that compares seeds, end to end: what is printed, drawn and answered is computed from what is stored."""

from __future__ import annotations

import json
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest
from attrimark.cli import main
from attrimark.document.figures import save_drawings
from attrimark.document.section import drawings_of
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.run.local import Slot
from attrimark.run.scheduler import run
from attrimark.studies.stability.population import populations
from attrimark.studies.stability.sections import section_of
from attrimark.studies.stability.stability import stabilities
from attrimark.studies.stability.tables import as_json
from attrimark.suite.reading.suites import read_suite
from attrimark_registry import AttrimarkError, load_catalog

from tests.references.written import rendered


def as_text(found, form="table"):
    return rendered([section_of(found)], form)


SUITE = """
[suites.seeds]
datasets = [{ name = "planted", train = 64, validation = 8, test = 24 }]
models = [{ name = "tiny-encoder", layers = 1, width = 16, heads = 2, pooling = "mean" }]
strategies = [{ name = "frozen", epochs = 3 }, { name = "full", epochs = 1, learning_rate = 3e-3 }]
quantizers = ["none", { name = "nf4", backend = "fake" }]
seeds = 6
target = "gold"
methods = ["leave-one-out", { name = "leave-one-out", reading = "logit" }]
metrics = [
    { name = "noise", debiased = true }, "snr", "seed-agreement",
    { name = "accuracy", split = "test", first = 20 }, "fine-tuning-surface",
]
equivalent = { most = 5, split = "test", critical = 100.0 }
explain = 6

[[suites.seeds.predictions]]
says = "Freezing lowers the noise"
metric = "noise"
method = "leave-one-out(reading=logit)"
chain = "frozen"
than = "full"
expect = "lower"
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A finished suite, and the file that it is written in."""
    folder = tmp_path_factory.mktemp("seeds")
    path = folder / "benchmarks.toml"
    path.write_text(SUITE)
    catalog = load_catalog()
    suite = read_suite(path, "seeds", catalog)
    store = Store(folder / "store")
    assert run(suite, store, [Slot(0, "cpu", 1)], catalog.manager) == {"ok": 4 * 6 * 3}
    return suite, store, path


@pytest.fixture(scope="module")
def found(ran):
    (stability,) = stabilities(Results(*ran[:2]))
    return stability


def test_every_chain_has_its_models_and_its_equivalent_seeds(found):
    assert [each.steps for each in found.models] == ["frozen", "frozen → nf4", "full", "full → nf4"]
    for models in found.models:
        assert models.trained == 6
        assert models.selection
        assert len(models.selection.seeds) == 5
        assert models.figures["accuracy(split=test, first=20)"].seeds == 5
    bits = {each.steps: each.figures["fine-tuning-surface"] for each in found.models}
    assert bits["frozen"].mean == 32 * (16 * 16 + 16 + 16 * 2 + 2)
    assert bits["frozen → nf4"].mean == 4 * (16 * 16 + 16 * 2) + 16 * (16 + 2)
    assert bits["full"].mean > bits["full → nf4"].mean > bits["frozen"].mean
    assert bits["full"].sd == 0


def test_seeds_that_were_not_chosen_are_in_no_figure_of_the_explanations(found):
    for variation in found.variations:
        models = next(each for each in found.models if each.steps == variation.steps)
        assert set(variation.seeds) == set(models.selection.seeds)
        assert all(estimate.seeds == 5 for estimate in variation.values.values())


def test_scores_are_those_that_were_stored(ran, found):
    suite, store, _ = ran
    whole = populations(Results(suite, store))
    assert len(whole) == 4 * 2
    for population in whole:
        assert population.seeds == tuple(range(6))
        assert [stack.example.id for stack in population.stacks] == [f"test-{number}" for number in range(6)]
        for stack in population.stacks:
            assert stack.scores.shape == (6, 1, len(stack.features))
            assert stack.explained == stack.example.label


def test_every_method_gets_an_answer_with_its_evidence(found):
    assert [answer.method for answer in found.answers] == ["leave-one-out", "leave-one-out(reading=logit)"]
    for answer in found.answers:
        assert answer.decomposition is not None
        assert answer.says.startswith(("Quantizing", "Whether"))
        assert "seeds of each 6" in answer.says  # the decomposition needs no equivalent seeds
        assert (answer.decomposition.strategies, answer.decomposition.quantizers) == (2, 2)


def test_what_the_logit_changes_is_said(found):
    (line,) = found.readings
    assert line.startswith("leave-one-out: seeds make ")


def test_a_prediction_is_judged_for_the_method_that_it_names(found):
    (foretold,) = found.foretold
    assert foretold.method == "leave-one-out(reading=logit)"
    assert foretold.metric == "noise(debiased=True)"
    assert foretold.verdict == foretold.prediction.verdict(foretold.ratio)
    noise = {
        each.steps: each.values["noise(debiased=True)"].mean
        for each in found.variations
        if each.method == "leave-one-out(reading=logit)"
    }
    assert foretold.ratio.mean == pytest.approx(noise["frozen"] / noise["full"])


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_all_of_it_is_in_the_text(found, format):
    text = as_text(found, format)
    for expected in ("full → nf4", "5 of 6", "fine-tuning-", "Predicted: Freezing lowers the noise.", "WEAK MODEL"):
        assert expected in text
    assert text.index("WEAK MODEL") < text.index("The models:")
    if format == "table":
        assert max(map(len, text.splitlines())) <= 100


def test_json_holds_plain_data(found):
    told = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert [each["steps"] for each in told["models"]] == ["frozen", "frozen → nf4", "full", "full → nf4"]
    assert told["predictions"][0]["verdict"] in ("holds", "does not hold", "cannot be told")


@pytest.mark.long
def test_figures_are_drawn_and_drawn_again_alike(found, tmp_path):
    first, again = (save_drawings(drawings_of([section_of(found)]), tmp_path / name) for name in ("first", "again"))
    assert len(first) == 2 * (2 * 2 + 1) * 2
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    drawn = next(path for path in first if path.name.endswith("shortest-words.svg"))
    text = "".join(xml.etree.ElementTree.parse(drawn).getroot().itertext())
    shortest = min(found.populations[0].stacks, key=lambda stack: len(stack.features))
    assert all(feature.text in text for feature in shortest.features)
    assert "full → nf4 · 5 seeds" in text


@pytest.mark.long
def test_the_command_prints_and_draws(ran, capsys, tmp_path):
    _, store, path = ran
    for extra in ([], ["--json"], ["--format", "markdown"]):
        with pytest.raises(SystemExit) as ended:
            main(["stability", "seeds", "-c", str(path), "--store", str(store.folder), *extra])
        assert ended.value.code == 0
        printed = capsys.readouterr().out
        assert json.loads(printed) if extra == ["--json"] else "over seeds" in printed
    with pytest.raises(SystemExit) as ended:
        main(["stability", "seeds", "-c", str(path), "--store", str(store.folder), "--figures", str(tmp_path / "f")])
    assert "20 figures" in capsys.readouterr().err
    assert len(list(Path(tmp_path / "f").rglob("*.png"))) == 10


def test_an_empty_store_and_a_suite_without_such_metrics_are_told_apart(ran, tmp_path):
    suite, _, path = ran
    with pytest.raises(AttrimarkError, match="run the suite first"):
        stabilities(Results(suite, Store(tmp_path / "empty")))
    path = tmp_path / "benchmarks.toml"
    plain = SUITE.replace('{ name = "noise", debiased = true }, "snr", "seed-agreement",', "").partition("[[")[0]
    path.write_text(plain)
    with pytest.raises(AttrimarkError, match="no metric of a population"):
        stabilities(Results(read_suite(path, "seeds", load_catalog()), Store(tmp_path / "empty")))


def test_texts_explained_for_different_labels_are_left_out_with_the_remedy(ran):
    from attrimark.studies.stability.population import _stacked
    from attrimark_registry import Attribution, Example, Feature, Target

    def explained(label):
        features = (Feature("word", 0, 0, 4),)
        return Attribution(Example("one", ("word",)), features, np.zeros(1, np.float32), Target((label,)), str(label))

    stacks, left_out = _stacked([[[explained(0)]], [[explained(1)]]])
    assert not stacks
    assert 'target = "gold"' in left_out["one"]
    stacks, _ = _stacked([[[explained(1)]], [[explained(1)]]])
    assert stacks[0].scores.shape == (2, 1, 1)


def test_where_no_text_is_explained_alike_there_is_no_number_and_all_else_stands(ran, monkeypatch, tmp_path):
    suite, store, _ = ran
    told = {"planted-test-0": "explained for different labels"}
    monkeypatch.setattr("attrimark.studies.stability.population._stacked", lambda by_seed: ((), told))
    (stability,) = stabilities(Results(suite, store))
    assert all(np.isnan(each.mean) for variation in stability.variations for each in variation.values.values())
    assert "explained for different labels" in as_text(stability)
    assert json.loads(json.dumps(as_json(stability), allow_nan=False))
    save_drawings(drawings_of([section_of(stability)]), tmp_path)
