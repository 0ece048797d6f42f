"""`attrimark record` and `attrimark regress` from end to end: planted regressions are caught, clean runs pass."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from attrimark.cli import main
from attrimark.results.redaction import WITHHELD
from attrimark.run.machine import cores
from attrimark.run.prepare import prepare
from attrimark.run.run_cell import run_cell
from attrimark.run.variants import Variants
from attrimark.studies.regression.recorded import read_recorded
from attrimark.studies.regression.recording import names_of, narrowed, taken
from attrimark.studies.regression.regression import Finding, compare, exit_code
from attrimark.suite.matrix import by_variant, cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_registry.catalog import load_catalog

from tests.references.strangers import CANARY, PLUGINS, changed, distribution, films

pytestmark = pytest.mark.long  # tests/test_regression.py judges smaller differences

SUITE = """
[suites.ci]
datasets = [{ name = "text-file", path = "films.csv", split = "split" }]
models = [{ name = "tiny-causal", layers = 1 }]
methods = ["random", "my-occlusion", "my-opening", "my-noisy", "my-fragile", "my-judged", "my-lost"]
metrics = ["my-order", "my-share"]
explain = 40
primary = ["my-order"]
store_text = false
"""

# What is done to the plugins, and to the suite.
CODE = [
    ("values = yield keep", "yield keep[:1] & False; values = yield keep"),
    ("np.arange(len(features)) < 1", "np.arange(len(features)) < 2"),
    ("* 0.0", "* 2.0"),
    (
        'name = "my-fragile"\n    def explore(self, features, rng):\n',
        'name = "my-fragile"\n    def explore(self, features, rng):\n'
        "        if self.name == 'my-fragile': raise ValueError(features[-1].text)\n",
    ),
    (
        "return float(np.abs",
        "if (attribution.scores == np.arange(len(attribution.scores))).all() and len(example.text) % 7 == 0:\n"
        "            return float('nan')\n"
        "        return float(np.abs",
    ),
]

# The method, and what must be found of it: the thing compared, its verdict, and whether it gates.
PLANTED = {
    "one more forward for each text": ("my-occlusion", "forwards", "regressed", True),
    "five per cent more FLOPs at as many forwards": ("my-opening", "flops", "regressed", True),
    "scores that got noisier": ("my-noisy", "my-order", "regressed", True),
    "a method that fails on a text": ("my-fragile", "status", "regressed", True),
    "a metric that turned NaN": ("my-judged", "my-share", "regressed", True),
    "a cell that is missing": ("my-lost", "status", "missing", True),
}


class Shell:
    """A folder with a suite, plugins and a place for temporary files of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        (folder / "benchmarks.toml").write_text(SUITE)
        films(folder / "films.csv")
        distribution(folder / "site")

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        places = [str(self.folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join(places), "TMPDIR": str(self.temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "attrimark.cli", *words]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A suite recorded without texts, then run again as it was, then with every change planted."""
    shell = Shell(tmp_path_factory.mktemp("build"))
    told = [shell("record", "ci", "--reason", "first", "--threads", "1")]
    told.append(shell("regress", "ci", "--strict", "--improvements", "fail", "--threads", "1"))
    code = PLUGINS
    for old, new in CODE:
        code = changed(code, old, new)
    distribution(shell.folder / "site", code)
    (shell.folder / "benchmarks.toml").write_text(changed(SUITE, ', "my-lost"', ""))
    outputs = ("--junit", "junit.xml", "--markdown", "summary.md", "--json")
    told.append(shell("regress", "ci", *outputs, "--threads", "1"))
    return shell, told


def findings(told) -> list[dict]:
    return json.loads(told.stdout)["findings"]


def test_a_clean_run_passes(build):
    _, (record, clean, _) = build
    assert record.returncode == 0, record.stderr
    assert "my-order: a change of" in record.stdout
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert clean.stdout.startswith("ci passed: ")


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_caught_with_its_verdict_and_fails_the_build(build, name):
    method, what, verdict, gates = PLANTED[name]
    _, (_, _, planted) = build
    assert planted.returncode == 1, planted.stderr
    mine = [each for each in findings(planted) if re.search(rf"× {method}( × seed|$)", each["cell"])]
    found = {(each["what"], each["verdict"], each["gates"]) for each in mine}
    assert (what, verdict, gates) in found, found
    # alone, too, it would have failed the build
    alone = [Finding(*(each[key] for key in ("cell", "what", "kind", "verdict", "gates"))) for each in mine]
    assert exit_code(alone) == 1


def test_what_was_left_alone_is_the_same(build):
    _, (_, _, planted) = build
    assert {each["verdict"] for each in findings(planted) if "× random" in each["cell"]} == {"same"}


def test_what_is_found_says_how_much_and_why(build):
    _, (_, _, planted) = build
    bad = {
        (re.findall(r"× (my-[a-z]+)", each["cell"])[0], each["what"]): each
        for each in findings(planted)
        if each["verdict"] == "regressed"
    }
    forwards = bad["my-occlusion", "forwards"]
    assert forwards["after"] - forwards["before"] == 40 * 2  # a row for each of the two labels
    assert bad["my-occlusion", "flops"]["after"] > bad["my-occlusion", "flops"]["before"]
    flops = bad["my-opening", "flops"]
    assert 1.02 < flops["after"] / flops["before"] < 1.2
    assert ("my-opening", "forwards") not in bad
    assert len(bad["my-noisy", "my-order"]["worst"]) == 5
    assert bad["my-judged", "my-share"]["reason"] == "was ok, now is failed"
    assert bad["my-fragile", "status"]["reason"] == f"was ok, is failed: {WITHHELD}"


def test_the_command_that_is_printed_asks_for_that_cell_alone(build):
    shell, (_, _, planted) = build
    again = next(
        each["again"]
        for each in findings(planted)
        if each["verdict"] == "regressed" and "my-occlusion" in each["cell"] and each["kind"] == "cost"
    )
    program, name, *rest = shlex.split(again)
    assert program == "attrimark"
    with main.get_command(click.Context(main), name).make_context(name, rest) as context:
        chosen = narrowed(read_recorded(shell.folder / context.params["recorded"]), context.params["only"])
    assert [re.search(r"my-[a-z]+", cell).group() for cell in chosen.cells] == ["my-occlusion"]


def test_no_text_is_in_any_output(build):
    shell, told = build
    written = [each for each in shell.folder.rglob("*") if each.is_file() and each.name != "films.csv"]
    assert {"recorded.json", "recorded.safetensors", "junit.xml", "summary.md"} <= {each.name for each in written}
    for each in written:
        assert CANARY.encode() not in each.read_bytes(), each
    for each in told:
        assert CANARY not in each.stdout
        assert CANARY not in each.stderr
    assert not list(shell.temporary.glob("attrimark-*"))


def test_junit_and_markdown_tell_the_same(build):
    shell, (*_, planted) = build
    bad = [each for each in findings(planted) if each["verdict"] in ("regressed", "missing") and each["gates"]]
    root = ElementTree.parse(shell.folder / "junit.xml").getroot()
    assert int(root.attrib["failures"]) + int(root.attrib["errors"]) == len(bad)
    assert (shell.folder / "summary.md").read_text().startswith("### ci failed")


# Clean repetitions, on a loaded machine

REPETITIONS = 10

SMALL = """
[suites.ci]
datasets = [{ name = "planted", train = 20, validation = 2, test = 2 }]
methods = ["random", "leave-one-out", { name = "integrated-gradients", steps = 4 }]
metrics = ["sufficiency", "average-precision", "accuracy"]
explain = 2
models = [{ name = "tiny-encoder", layers = 1 }]
strategies = [{ name = "full", epochs = 1 }]
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "benchmarks.toml").write_text(SMALL)
    return tmp_path / "benchmarks.toml"


def repeated(path: Path, folder: Path):
    """What a run of all cells would be recorded as, computed in this process."""
    cells = cells_of(read_suite(path, "ci", load_catalog()))
    variants, records, attributions = Variants("cpu", folder), {}, {}
    for variant, group in by_variant(cells).items():
        model = variants.get(variant, [variant.seed])
        with model.active():
            prepared = prepare(model, variant.examples, variant.target, variant.granularity)
            for cell in group:
                outcome = run_cell(cell, prepared)
                records[cell.id], attributions[cell.id] = outcome.record, outcome.attributions
    bundles = {cell: list(made) for cell, made in attributions.items()}
    return taken("ci", cells, names_of(cells), records, lambda record: bundles[record.cell], primary=("sufficiency",))


def test_clean_repetitions_pass_on_a_loaded_machine(path, tmp_path):
    # other processes take the cores' time; nothing that gates may notice
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores())]
    try:
        first = repeated(path, tmp_path / "first")
        for place in range(REPETITIONS):
            told = compare(first, repeated(path, tmp_path / str(place)))
            assert {each.verdict for each in told} == {"same"}
            assert exit_code(told, strict=True, improvements="fail") == 0
    finally:
        for each in busy:
            each.kill()
            each.wait()


def test_the_cost_of_one_method_depends_on_no_other(path, tmp_path):
    together = repeated(path, tmp_path / "together")
    for method in ('"leave-one-out"', '{ name = "integrated-gradients", steps = 4 }'):
        path.write_text(re.sub("methods = .*", f"methods = [{method}]", SMALL))
        alone = repeated(path, tmp_path / "alone")
        told = compare(together, alone)
        assert {each.verdict for each in told if each.cell in alone.cells} == {"same"}
        assert {each.verdict for each in told if each.what == "status"} == {"same", "missing"}
