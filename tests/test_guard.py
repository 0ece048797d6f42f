"""What a plugin leaves behind changes no other number."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from attrimark import evaluate
from attrimark.results.bundle import read_bundle
from attrimark.results.store import Store
from attrimark.run.guard.guard import ChangedNetwork, left_as_found
from attrimark.run.guard.weights import checksums
from attrimark.run.prepare import prepare
from attrimark.run.run_cell import run_cell
from attrimark.suite.matrix import Cell, Variant
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_registry.plugin import SubsetMethod, SubsetMetric
from attrimark_registry.process_state import ProcessState, foreign_code
from attrimark_registry.text import Example

from tests.references import misbehaving
from tests.references.misbehaving import NETWORK, OTHERS, PROCESS, Damaging, Misbehaving

LABELS = ["negative", "positive"]
TEXTS = ["the film is good", "a dull plot"]


@pytest.fixture
def undone():
    """What a misbehaving method leaves in this process is taken back."""
    before, hooks = ProcessState.now(), dict(torch.nn.modules.module._global_forward_hooks)
    yield
    before.restore()
    for kind, original in reversed(misbehaving.PATCHED):
        kind.forward = original
    misbehaving.PATCHED.clear()
    torch.nn.modules.module._global_forward_hooks.clear()
    torch.nn.modules.module._global_forward_hooks.update(hooks)
    assert not before.moved()


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("how", NETWORK)
def test_what_a_method_leaves_in_the_network_is_named_and_nothing_follows(how):
    methods = [Misbehaving(how=how), "gradient"]
    alone, offender, other = evaluate(
        TinyEncoder(shape="bert", layers=1).load(LABELS, "cpu"), texts=TEXTS, methods=methods, metrics=["accuracy"]
    ).records
    assert alone.status == "ok"
    assert (offender.status, offender.cause) == ("failed", "changed-network")
    assert NETWORK[how][1] in offender.reason
    assert (other.status, other.cause) == ("failed", "changed-network")
    assert other.reason.startswith("not run, for the network is no longer what it was (misbehaving")


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("how", PROCESS)
def test_what_a_method_leaves_in_the_process_is_named_and_taken_back(how):
    before = ProcessState.now()
    offender, _ = evaluate(
        TinyEncoder(layers=1).load(LABELS, "cpu"), texts=TEXTS, methods=[Misbehaving(how=how)], metrics=[]
    ).records[::-1]
    assert (offender.status, offender.cause) == ("failed", "changed-network")
    assert PROCESS[how][1] in offender.reason
    assert not before.moved()


def test_a_library_that_is_imported_late_may_set_its_variables(monkeypatch, tmp_path):
    (tmp_path / "late_library.py").write_text("import os\nos.environ['LATE'] = '1'\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = ProcessState.now()
    import late_library  # noqa: F401

    assert not before.moved()
    del sys.modules["late_library"]
    before = ProcessState.now()
    os.environ["LATE"] = "2"
    assert before.moved() == ("the environment variable LATE",)
    del os.environ["LATE"]


def test_code_that_is_not_its_librarys_is_found(monkeypatch):
    assert not foreign_code()
    monkeypatch.setattr(torch.nn.GELU, "forward", lambda self, given: given)
    assert foreign_code() == ("torch.nn.modules.activation.GELU.forward (by tests)",)


@pytest.mark.parametrize(
    "source",
    [TinyEncoder(), *(pytest.param(TinyCausal(shape=shape), marks=pytest.mark.long) for shape in ("llama", "gpt2"))],
    ids=str,
)
def test_what_leaves_everything_as_it_was_is_in_order(source):
    methods = ["lrp", "integrated-gradients", "attention-rollout", "shapley-sampling", "attention-gradcam"]
    metrics = ["sufficiency", "accuracy", "parameters", "datamodeling-score"]
    made = evaluate(source.load(LABELS, "cpu"), texts=TEXTS, methods=methods, metrics=metrics)
    assert "changed-network" not in {record.cause for record in made.records}


class Warns(SubsetMethod):
    """Its scores are in order, and its note is not."""

    name = "warns"
    how: str

    def explore(self, features, rng):
        del rng
        yield from ()
        return np.arange(float(len(features)))

    def warning(self, diagnostics):
        if self.how == "raises":
            raise ZeroDivisionError("on purpose")
        if self.how == "patches":
            misbehaving.PATCHED.append((torch.nn.LayerNorm, torch.nn.LayerNorm.forward))
            torch.nn.LayerNorm.forward = lambda self, given: given
        return dict(diagnostics) if self.how == "no-text" else "mind the gap"


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize(
    ("how", "cause", "message"),
    [
        ("raises", "exception", "ZeroDivisionError: on purpose"),
        ("no-text", "exception", r"TypeError: warns\(how=no-text\).warning returned dict"),
        ("patches", "changed-network", r"warns\(how=patches\) changed the code of torch.nn"),
        ("speaks", None, "mind the gap"),
    ],
)
@pytest.mark.parametrize("stored", [False, True])
def test_a_methods_warning_is_a_call_of_a_plugin(how, cause, message, stored):
    variant = Variant(Planted(test=2), TinyEncoder(layers=1), (), 0, "word", "predicted", 2, None)
    model = variant.model.load(LABELS, "cpu")
    cell = Cell(variant, Warns(how=how), 0, 0, None, None, "sum", ())
    with model.active():
        prepared = prepare(model, variant.examples, "predicted", "word")
        known = run_cell(replace(cell, method=Warns(how="speaks")), prepared).attributions if stored else None
        outcome = run_cell(cell, prepared, known)
    assert outcome.spoiled == (how == "patches")
    assert (outcome.record.status, outcome.record.cause) == ("failed" if cause else "ok", cause)
    assert re.search(message, outcome.record.reason or outcome.record.network["warning"])


class Sorts(SubsetMetric):
    """A metric that sorts the scores that it is given."""

    name = "sorts"

    def explore(self, attribution, rng):
        del rng
        attribution.scores.sort()
        yield np.ones((1, len(attribution.scores)), dtype=bool)
        return 1.0


def test_a_metric_that_changes_the_network_is_named_and_what_was_measured_before_stays():
    model = TinyEncoder(layers=1).load(LABELS, "cpu")
    made = evaluate(model, texts=TEXTS, methods=["random"], metrics=["parse-rate", Damaging(), "accuracy"])
    alone, other = made.records
    statuses = list(alone.metric_status.values())
    assert any("damaging changed the weights" in (reason or "") for _, reason in statuses)
    assert other.cause == "changed-network"


def test_what_a_metric_does_to_scores_is_its_own():
    model = TinyEncoder(layers=1).load(LABELS, "cpu")
    found = [
        evaluate(model, texts=TEXTS, methods=["random"], metrics=metrics)
        for metrics in (["sufficiency"], [Sorts(), "sufficiency"])
    ]
    clean, after = (each.attributions["random"] for each in found)
    assert all(np.array_equal(one.scores, other.scores) for one, other in zip(clean, after, strict=True))
    values = [sorted(each.value for each in made.records[1].measures if each.value != 1.0) for made in found]
    assert values[0] == pytest.approx(values[1], abs=1e-5)


def makes(model, *, damages, fails):
    """Another model of it, or an error."""
    with left_as_found(model, "mine"):
        if damages:
            next(model.network.parameters()).data.mul_(2)
        if fails:
            raise ValueError("on purpose")


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_made_of_a_model_leaves_it_as_found_also_where_it_fails(fails):
    model = TinyEncoder(layers=1).load(LABELS, "cpu")
    with pytest.raises(ChangedNetwork, match="mine changed the weights"):
        makes(model, damages=True, fails=fails)
    with pytest.raises(ValueError, match="on purpose"):
        makes(model, damages=False, fails=True)


def test_what_is_made_of_a_model_leaves_its_tokenizers_backend_as_found():
    model = TinyEncoder(layers=1).load(LABELS, "cpu")
    with left_as_found(model, "mine"):
        model.tokenizer(TEXTS, padding=True, truncation=True, max_length=3)  # which the next call sets anew
    backend = model.tokenizer.backend_tokenizer
    with (
        pytest.raises(ChangedNetwork, match=r"mine changed the tokenizer's backend \(model\)"),
        left_as_found(model, "mine"),
    ):
        backend.model.unk_token = "good"


@pytest.mark.parametrize("bit", [0, 7, 31])
def test_a_checksum_sees_each_bit_of_each_word(bit):
    network = torch.nn.Linear(5, 3)
    before = checksums(network)
    words = network.weight.detach().numpy().view(np.uint32)
    words[2, 4] ^= np.uint32(1 << bit)
    assert {name for name, number in checksums(network).items() if number != before[name]} == {"weight"}


def test_a_checksum_sees_order_and_type():
    ordered, turned = torch.nn.Linear(4, 1), torch.nn.Linear(4, 1)
    with torch.no_grad():
        turned.weight.copy_(ordered.weight.flip(1))
        turned.bias.copy_(ordered.bias)
    one, other = checksums(ordered), checksums(turned)
    assert one["weight"] != other["weight"]
    assert one["bias"] == other["bias"]
    assert checksums(ordered.half())["bias"] != one["bias"]


class Caching(torch.nn.Module):
    """As networks of others keep what the longest text so far needs."""

    def __init__(self, length):
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)
        self.register_buffer("cache", torch.arange(length), persistent=False)


def test_a_cache_that_grew_is_no_change_and_one_that_was_overwritten_is():
    short, longer = checksums(Caching(3))["cache"], checksums(Caching(5))["cache"]
    assert short.may_become(longer)
    other = Caching(3)
    other.cache.add_(1)
    assert not short.may_become(checksums(other)["cache"])
    weight = checksums(torch.nn.Linear(2, 3))["weight"]
    assert not weight.may_become(checksums(torch.nn.Linear(2, 4))["weight"])


def test_extra_rows_are_few():
    """A canary is one row, forwards and backwards, for each plugin that is called."""
    model = TinyEncoder(layers=1).load(LABELS, "cpu")
    with model.active():
        guard = prepare(model, [Example(str(n), (text,)) for n, text in enumerate(TEXTS)], "predicted", "word").guard
        counted = []
        model.network.register_forward_pre_hook(lambda module, given, named: counted.append(1), with_kwargs=True)
        guard.canary.moved()
    assert len(counted) == 1


SUITE = """
[suites.many]
datasets = [{ name = "planted", train = 40, validation = 2, test = 8 }]
models = [{ name = "tiny-encoder", layers = 1 }]
strategies = ["frozen"]
methods = [%s"random", "leave-one-out", "gradient", "lrp", { name = "integrated-gradients", steps = 4 }]
metrics = [%s"sufficiency", "average-precision", "accuracy"]
explain = 4
timeout = "30s"
"""


@pytest.mark.long
def test_no_other_cell_is_touched(tmp_path):
    """Run first in a suite, in processes of their own: every other cell is bitwise that of a clean run."""
    ways = [*NETWORK, *PROCESS, *OTHERS]
    assert len(ways) >= 25
    first = "".join(f'{{ name = "misbehaving", how = "{how}" }}, ' for how in ways)
    suites = {"clean": SUITE % ("", ""), "many": SUITE % (first, '"damaging", ')}
    records = {name: ran(tmp_path / name, suite) for name, suite in suites.items()}
    kept = {name: by_method(tmp_path / name, each) for name, each in records.items()}
    assert set(kept["clean"]) < set(kept["many"])
    for method, clean in kept["clean"].items():
        assert kept["many"][method] == clean
    causes = {record.specs["method"]: record.cause for record in records["many"]}
    for how in ways:
        expected = OTHERS[how][1] if how in OTHERS else "changed-network"
        found = causes[f"misbehaving(how={how})"]
        assert found == expected or (how == "deletes" and found is None), how  # who is faster
    (alone,) = [record for record in records["many"] if record.specs["method"] is None]
    ended = [reason for status, reason in alone.metric_status.values() if status == "failed"]
    assert len(ended) == 1
    assert ended[0].startswith("damaging changed the weights encoder.encoder.layer.0.attention.self.query.weight")


def ran(folder: Path, suite: str) -> list:
    folder.mkdir()
    (folder / "benchmarks.toml").write_text(suite)
    site = folder / "site"
    (site / "misbehaving-1.0.dist-info").mkdir(parents=True)
    (site / "misbehaving-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: misbehaving\nVersion: 1\n"
    )
    (site / "misbehaving-1.0.dist-info" / "entry_points.txt").write_text("[attrimark]\nmethods = misbehaving\n")
    shutil.copy(misbehaving.__file__, site)
    installed = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "attrimark.cli", "run", "many", "--json", "--threads", "1", "--store", "store"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=folder, env=installed)
    assert json.loads(done.stdout), done.stderr
    listing = [sys.executable, "-c", LISTING]
    cells = subprocess.run(listing, capture_output=True, text=True, cwd=folder, env=installed, check=True)
    with Store(folder / "store") as store:
        return list(store.records(json.loads(cells.stdout)).values())


LISTING = """
import json
from pathlib import Path
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_registry.catalog import load_catalog
print(json.dumps([cell.id for cell in cells_of(read_suite(Path("benchmarks.toml"), "many", load_catalog()))]))
"""


def by_method(folder: Path, records: list) -> dict:
    """What a cell is made of, but for the time that it took."""
    kept = {}
    for record in records:
        if record.status == "ok":
            bundle = record.bundle and read_bundle(folder / "store" / "bundles" / f"{record.bundle}.safetensors")
            scores = [each.scores.tobytes() for each in bundle or ()]
            measures = sorted((each.metric, each.example, each.operator, each.value) for each in record.measures)
            kept[record.specs["method"]] = scores, measures, record.own.forwards, record.own.peak
    return kept
