"""`attrimark record` and `attrimark regress`, as a build uses them: planted regressions, clean runs, bad input."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
import yaml
from attrimark.anew import Interrupted, store_at
from attrimark.cli import main
from attrimark.config import read_suite
from attrimark.matrix import by_variant, cells_of
from attrimark.outcome import run_cell
from attrimark.prepare import prepare
from attrimark.recorded import read_recorded, values_path
from attrimark.recording import names_of, narrowed, taken
from attrimark.regression import compare, exit_code
from attrimark.store import Store
from attrimark.variants import Variants
from attrimark.work_trees import in_tree
from attrimark_registry.catalog import load_catalog
from click.testing import CliRunner

DOCS = (Path(__file__).parents[1] / "docs" / "regression.md").read_text()
CANARY = "xylocanary"
FILMS = ["dull", "witty", "tedious", "superb", "bland", "moving", "clumsy", "radiant", "lifeless", "charming"]

# A stranger's plugins, as they were when the suite was recorded.
PLUGINS = '''
import time
import numpy as np
from attrimark_registry import SpanMetric, SubsetMethod, hookimpl

PAUSE = 0.06

class Occlusion(SubsetMethod):
    """The drop in the target's value when one feature is removed."""
    name = "my-occlusion"
    def explore(self, features, rng):
        keep = ~np.eye(len(features) + 1, len(features), k=-1, dtype=bool)
        values = yield keep
        return values[0] - values[1:]

class Noisy(SubsetMethod):
    """The position of a feature."""
    name = "my-noisy"
    def explore(self, features, rng):
        return np.arange(len(features)) + rng.normal(0, 1, len(features)) * 0.0
        yield

class Fragile(Occlusion):
    name = "my-fragile"

class Slow(SubsetMethod):
    """The position of a feature, after a while."""
    name = "my-slow"
    def explore(self, features, rng):
        time.sleep(PAUSE)
        return np.arange(len(features), dtype=float)
        yield

class Order(SpanMetric):
    """The share of neighbours whose scores rise."""
    name = "my-order"
    def compare(self, attribution, example):
        return float((np.diff(attribution.scores) > 0).mean())

class Share(SpanMetric):
    """The share of the largest score."""
    name = "my-share"
    headline = False
    def compare(self, attribution, example):
        return float(np.abs(attribution.scores).max() / (1e-9 + np.abs(attribution.scores).sum()))

@hookimpl
def register_methods():
    return [Occlusion, Noisy, Fragile, Slow]

@hookimpl
def register_metrics():
    return [Order, Share]
'''

CHANGES = {
    "one more forward for each text": ("values = yield keep", "yield keep[:1, ::1] & False; values = yield keep"),
    "a method whose scores got noisier": ("* 0.0", "* 2.0"),
    "a method that fails on a text": (
        'name = "my-fragile"',
        'name = "my-fragile"\n    def explore(self, features, rng):\n'
        "        raise ValueError(features[0].text)\n        yield",
    ),
    "a metric that turned NaN": (
        "return float(np.abs",
        "return float('nan') if len(example.text) % 7 == 0 else float(np.abs",
    ),
}

SUITE = """
[suites.ci]
datasets = [{ name = "text-file", path = "films.csv", split = "split" }]
models = [{ name = "tiny-causal", layers = 1 }]
methods = ["random", "my-occlusion", "my-noisy", "my-fragile"]
metrics = ["my-order", "my-share"]
explain = 40
"""


def distribution(site: Path, code: str) -> None:
    information = site / "mine-1.0.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[attrimark]\nmine = my_plugins\n")
    (site / "my_plugins.py").write_text(code)


def films(path: Path) -> None:
    rows = [
        f"the {noun} was {word} and {CANARY},{('negative', 'positive')[place % 2]},test"
        for noun in ("film", "old film", "short film", "song")
        for place, word in enumerate(FILMS)
    ]
    path.write_text("\n".join(["text,label,split", *rows, "a film,negative,train", "a song,positive,train"]) + "\n")


class Shell:
    """A folder with a suite, plugins and a place for temporary files of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        (folder / "benchmarks.toml").write_text(SUITE)
        films(folder / "films.csv")
        distribution(folder / "site", PLUGINS)

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ, "PYTHONPATH": str(self.folder / "site"), "TMPDIR": str(self.temporary),
            "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "attrimark.cli", *words]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A suite recorded without texts, then run again as it was, then with every change planted."""
    shell = Shell(tmp_path_factory.mktemp("build"))
    fresh = ("--threads", "1", "--quiet")
    told = [shell("record", "ci", "--reason", "first", "--no-store-text", *fresh)]
    told.append(shell("regress", "ci", "--strict", "--improvements", "fail", *fresh))
    code = PLUGINS
    for old, new in CHANGES.values():
        assert old in code
        code = code.replace(old, new)
    distribution(shell.folder / "site", code)
    outputs = ("--junit", "junit.xml", "--markdown", "summary.md", "--json")
    told.append(shell("regress", "ci", *outputs, *fresh))
    return shell, told


def test_a_clean_run_passes(build):
    _, (record, clean, _) = build
    assert record.returncode == 0, record.stderr
    assert "my-order: a change of" in record.stdout
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert clean.stdout.startswith("ci passed: ")


def test_every_planted_change_is_caught(build):
    _, (_, _, changed) = build
    assert changed.returncode == 1, changed.stderr
    told = json.loads(changed.stdout)
    assert told["exit_code"] == 1
    bad = {
        (method.group(1), each["what"]): each
        for each in told["findings"]
        if each["verdict"] == "regressed" and (method := re.search(r"× (my-\w+|random)( × seed|$)", each["cell"]))
    }
    forwards = bad["my-occlusion", "forwards"]
    assert forwards["after"] - forwards["before"] == 40 * 2  # a row for each of the two labels
    assert bad["my-occlusion", "flops"]["after"] > bad["my-occlusion", "flops"]["before"]
    assert bad["my-noisy", "my-order"]["gates"]
    assert len(bad["my-noisy", "my-order"]["worst"]) == 5
    assert "failed" in bad["my-fragile", "status"]["reason"]
    assert "not finite" in bad["random", "my-share"]["reason"]
    assert ("random", "my-order") not in bad
    assert ("random", "forwards") not in bad


def test_the_command_that_is_printed_asks_for_that_cell_alone(build):
    shell, (_, _, changed) = build
    again = next(
        each["again"]
        for each in json.loads(changed.stdout)["findings"]
        if each["verdict"] == "regressed" and "my-occlusion" in each["cell"] and each["kind"] == "cost"
    )
    program, name, *rest = shlex.split(again)
    assert program == "attrimark"
    with main.get_command(click.Context(main), name).make_context(name, rest) as context:
        chosen = narrowed(read_recorded(shell.folder / context.params["recorded"]), context.params["only"])
    assert [re.search(r"my-\w+", cell).group() for cell in chosen.cells] == ["my-occlusion"]


def test_no_text_is_in_any_file(build):
    shell, (*_, changed) = build
    written = [each for each in shell.folder.rglob("*") if each.is_file() and each.name != "films.csv"]
    assert {"recorded.json", "recorded.safetensors", "junit.xml", "summary.md"} <= {each.name for each in written}
    for each in written:
        assert CANARY.encode() not in each.read_bytes(), each
    assert CANARY not in changed.stdout
    assert not list(shell.temporary.glob("attrimark-*"))


def test_junit_and_markdown_tell_the_same(build):
    shell, (*_, changed) = build
    regressed = [each for each in json.loads(changed.stdout)["findings"] if each["verdict"] == "regressed"]
    root = ElementTree.parse(shell.folder / "junit.xml").getroot()
    assert int(root.attrib["failures"]) + int(root.attrib["errors"]) == len(
        [each for each in regressed if each["gates"]]
    )
    assert (shell.folder / "summary.md").read_text().startswith("### ci failed")


# Ten clean repetitions, on a loaded machine


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


def test_ten_clean_repetitions_pass_on_a_loaded_machine(tmp_path):
    path = tmp_path / "benchmarks.toml"
    path.write_text(
        """
[suites.ci]
datasets = [{ name = "planted", train = 20, validation = 2, test = 2 }]
methods = ["random", "leave-one-out", { name = "integrated-gradients", steps = 4 }]
metrics = ["sufficiency", "average-precision", "accuracy"]
explain = 2
models = [{ name = "tiny-encoder", layers = 1 }]
strategies = ["frozen"]
"""
    )
    # another process takes a core's time; nothing that gates may notice
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            first = repeated(path, tmp_path / "variants")
            for _ in range(10):
                findings = compare(first, repeated(path, tmp_path / "variants"))
                assert {each.verdict for each in findings} == {"same"}
                assert exit_code(findings, strict=True, improvements="fail") == 0
        finally:
            busy.kill()


# Bad input


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """The commands in this process, on a store that holds a small suite's results."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmarks.toml").write_text(
        """
[suites.ci]
datasets = [{ name = "planted", train = 4, validation = 2, test = 2 }]
models = [{ name = "tiny-causal", layers = 1 }]
methods = ["random", "input-x-gradient"]
metrics = ["average-precision", "accuracy"]
explain = 1
[suites.other]
datasets = [{ name = "planted", train = 4, validation = 2, test = 2 }]
models = [{ name = "tiny-causal", layers = 1 }]
methods = ["random"]
metrics = ["average-precision"]
"""
    )

    def call(*words):
        return CliRunner().invoke(main, words)

    return call


def fill(store="store", cells=None, **changes):
    """Records of the suite, by hand: one text."""
    from dataclasses import replace

    from attrimark_registry import Cost, Measure, Record

    suite = read_suite(Path("benchmarks.toml"), "ci", load_catalog())
    with Store(Path(store)) as opened:
        for cell in cells_of(suite):
            text = cell.variant.examples[0].id
            record = Record(
                cell.id, cell.specs, "ok", own=Cost(forwards=3), machine={"system": "Linux"},
                measures=tuple(Measure(digest, text, "", 0.5) for digest in cell.judgements),
                metric_status=dict.fromkeys(cell.judgements, ("ok", None)),
            )  # fmt: skip
            opened.save(replace(record, **(changes if cell.method and cell.method.name == "random" else {})))


STORED = ("--store", "store", "--no-run")


def record(shell, *words):
    return shell("record", "ci", "--reason", "why", *STORED, *words)


def test_without_records_there_is_nothing_to_record_or_compare(shell):
    told = record(shell)
    assert told.exit_code == 5
    assert "Nothing to record" in told.stderr
    assert not Path("recorded.json").exists()
    fill()
    assert record(shell).exit_code == 0
    told = shell("regress", "ci", "--store", "empty", "--no-run")
    assert told.exit_code == 5
    assert "ci compared nothing" in told.stdout
    assert shell("regress", "ci", *STORED, "--only", "nothing like it").exit_code == 5


def test_a_stored_run_is_recorded_and_passes(shell):
    fill()
    told = record(shell)
    assert told.exit_code == 0
    assert "1 texts: a changed value is never called worse with fewer than 30" in told.stdout
    assert shell("regress", "ci", *STORED, "--strict").exit_code == 0
    assert "stays as it is" in record(shell).stdout
    from attrimark_registry import Cost

    fill(own=Cost(forwards=4))
    failed = shell("regress", "ci", *STORED)
    assert failed.exit_code == 1
    assert "+33.33%, none allowed" in failed.stdout
    fill(own=Cost(forwards=2))
    assert shell("regress", "ci", *STORED).exit_code == 0
    assert shell("regress", "ci", *STORED, "--improvements", "fail").exit_code == 1


def test_one_text_and_one_seed_are_said(shell):
    fill()
    record(shell)
    fill(measures=())
    lost = shell("regress", "ci", *STORED)
    assert lost.exit_code == 1
    assert "0 of the 1 texts recorded" in lost.stdout
    from attrimark_registry import Measure

    suite = read_suite(Path("benchmarks.toml"), "ci", load_catalog())
    cell = next(each for each in cells_of(suite) if each.method and each.method.name == "random")
    (digest,) = cell.judgements
    fill(measures=(Measure(digest, cell.variant.examples[0].id, "", 0.1),))
    told = shell("regress", "ci", *STORED)
    assert told.exit_code == 0
    assert "Recorded with 1 seed: no interval over seeds" in told.stdout
    assert "1 texts are fewer than the 30" in told.stdout
    assert shell("regress", "ci", *STORED, "--strict").exit_code == 7


def test_a_failed_cell_is_not_recorded_and_exits_with_1(shell):
    fill()
    record(shell)
    before = Path("recorded.json").read_bytes()
    fill(status="failed", reason="RuntimeError: boom", measures=(), metric_status={})
    told = record(shell)
    assert told.exit_code == 1
    assert "not recorded" in told.stderr
    assert "boom" in told.stderr
    assert Path("recorded.json").read_bytes() == before
    assert shell("regress", "ci", *STORED).exit_code == 1


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda: Path("recorded.json").write_text(Path("recorded.json").read_text()[:-40]), "cut short"),
        (lambda: Path("recorded.json").write_text(Path("recorded.json").read_text().replace(": 3", ": 4")), "by hand"),
        (lambda: values_path(Path("recorded.json")).write_bytes(b""), "not the file"),
        (lambda: values_path(Path("recorded.json")).unlink(), "no such file"),
        (lambda: Path("recorded.json").write_text('{"schema": 2}'), "schema is 2"),
    ],
)
def test_a_harmed_recorded_file_is_an_error_and_is_never_overwritten(shell, harm, told):
    fill()
    record(shell)
    harm()
    before = {each: each.read_bytes() for each in Path().glob("recorded*")}
    for ended in (shell("regress", "ci", *STORED), record(shell)):
        assert ended.exit_code == 4
        assert told in ended.stderr
        assert "Traceback" not in ended.output
    assert {each: each.read_bytes() for each in Path().glob("recorded*")} == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("regress", "ci", *STORED), "record first"),
        (("regress", "ci", "--no-run"), "--no-run needs --store"),
        (("record", "ci", *STORED), "Missing option '--reason'"),
        (("record", "ci", "--reason", " ", *STORED), "must say why"),
        (("record", "ci", "--reason", "x", "--primary", "sufficiency", *STORED), "no metric named"),
        (("record", "ci", "--reason", "x", "--reseeds", "4", *STORED), "4 is not in the range"),
        (("record", "cl", "--reason", "x", *STORED), "no suite named"),
    ],
)
def test_wrong_usage_is_4(shell, words, told):
    fill()
    ended = shell(*words)
    assert ended.exit_code == 4, ended.output
    assert told in ended.stderr


def test_a_file_of_another_suite_is_an_error(shell):
    fill()
    record(shell)
    assert shell("regress", "other", *STORED).exit_code == 4
    assert shell("record", "other", "--reason", "x", *STORED).exit_code == 4


@pytest.mark.parametrize("option", ["--junit", "--markdown", "--recorded"])
def test_an_output_that_cannot_be_written_is_told_before_anything_runs(shell, option):
    fill()
    record(shell)
    Path("file").write_text("here")
    words = ("record", "ci", "--reason", "x") if option == "--recorded" else ("regress", "ci")
    for place in ("file/inside", "."):
        ended = shell(*words, *STORED, option, place)
        assert ended.exit_code == 4
        assert "Traceback" not in ended.output
    assert Path("file").read_text() == "here"


def test_a_store_of_a_newer_schema_is_an_error(shell):
    import sqlite3

    fill()
    record(shell)
    with sqlite3.connect("store/store.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    ended = shell("regress", "ci", *STORED)
    assert ended.exit_code == 4
    assert "newer attrimark" in ended.stderr


def test_only_what_was_asked_for_is_recorded_anew(shell):
    from attrimark_registry import Cost

    fill()
    record(shell)
    fill(own=Cost(forwards=5))
    record(shell, "--only", "*input-x-gradient*")
    assert next(iter(read_recorded(Path("recorded.json")).cells.values())).facts.because == "why"
    assert shell("regress", "ci", *STORED).exit_code == 1
    assert shell("regress", "ci", *STORED, "--only", "*input-x-gradient*").exit_code == 0
    assert "random × seed 0: forwards" in record(shell, "--only", "*random*").stdout
    assert shell("regress", "ci", *STORED).exit_code == 0


@pytest.mark.parametrize("keep", [True, False])
def test_an_interrupted_run_can_be_taken_up_again_unless_it_holds_texts(keep):
    folder, interrupted = ended_by(KeyboardInterrupt, keep)
    assert isinstance(interrupted, Interrupted)
    assert interrupted.folder == (folder if keep else None)
    assert folder.exists() == keep
    shutil.rmtree(folder, ignore_errors=True)
    folder, broken = ended_by(KeyError, keep)
    assert isinstance(broken, KeyError)
    assert not folder.exists()


def ended_by(error, keep):
    """The folder of a fresh store that is ended in this way, and what is raised."""
    folder = None
    try:
        with store_at(None, keep) as store:
            folder = store.folder
            raise error
    except (Interrupted, KeyError) as told:
        return folder, told


def test_interrupting_ends_with_2_and_the_command_to_resume(shell, monkeypatch):
    fill()
    record(shell)

    def interrupt(*given, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr("attrimark.anew.taken", interrupt)
    monkeypatch.setattr(sys, "argv", ["attrimark", "regress", "ci", *STORED])
    for ended in (shell("regress", "ci", *STORED), record(shell)):
        assert ended.exit_code == 2
        assert "Resume with: attrimark regress ci --store store --no-run" in ended.stderr


# Time, in pairs of work trees


def test_a_slower_commit_is_caught_in_pairs(shell, tmp_path, monkeypatch):
    site = tmp_path / "site"
    distribution(site, PLUGINS)
    films(tmp_path / "films.csv")
    suite = re.sub("methods = .*", 'methods = ["my-slow"]', SUITE).replace("my-order", "accuracy")
    Path("benchmarks.toml").write_text(suite.replace("explain = 40", "explain = 1"))
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], check=True)
    fill()
    assert record(shell).exit_code == 0
    # asleep, it is not slowed down by whatever else runs
    distribution(site, PLUGINS.replace("PAUSE = 0.06", "PAUSE = 0.12"))
    told = shell("regress", "ci", *STORED, "--paired", "HEAD", "--threads", "1", "--json")
    assert told.exit_code == 1, told.output
    bad = [each for each in json.loads(told.stdout)["findings"] if each["verdict"] != "same"]
    assert [(each["what"], each["verdict"]) for each in bad] == [("seconds", "regressed")]
    assert "30 pairs" in bad[0]["reason"]
    trees = subprocess.run(["git", "worktree", "list"], capture_output=True, text=True).stdout
    assert len(trees.splitlines()) == 1


def test_a_commit_that_is_not_there_is_told_before_anything_runs(shell):
    subprocess.run(["git", "init", "-q"], check=True)
    fill()
    record(shell)
    told = shell("regress", "ci", "--paired", "no-such-ref")
    assert told.exit_code == 4
    assert "no commit 'no-such-ref'" in told.stderr


def test_what_is_imported_from_the_repository_is_found_in_the_other_tree(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "src").mkdir()
    (tmp_path / ".venv/lib/site-packages").mkdir(parents=True)
    other = tmp_path / "elsewhere"
    (other / "src").mkdir(parents=True)
    (other / ".venv/lib/site-packages").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/usr/lib", str(tmp_path / ".venv/lib/site-packages"), str(tmp_path / "src")])
    assert in_tree(other) == [str(other / "src")]


# The documentation


def workflow():
    return yaml.safe_load(re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)[0])


def commands_in(text: str):
    joined = re.sub(r"\\\n\s*", " ", text)
    return [shlex.split(line)[1:] for line in joined.splitlines() if line.strip().startswith("attrimark ")]


def test_the_workflow_is_one_that_github_reads():
    told = workflow()
    assert set(told) == {"name", True, "permissions", "jobs"}  # YAML reads `on` as true
    assert told["permissions"] == {"contents": "read"}
    for job in told["jobs"].values():
        assert {"runs-on", "steps", "timeout-minutes"} <= set(job)
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert set(step) <= {"name", "uses", "with", "run", "if", "env"}
            if "uses" in step:
                assert re.fullmatch(r"[\w.-]+/[\w.-]+@v\d+", step["uses"])


def test_the_commands_of_the_documentation_exist():
    steps = [step.get("run", "") for job in workflow()["jobs"].values() for step in job["steps"]]
    found = [
        words for block in [*steps, *re.findall(r"```\n(.*?)```", DOCS, re.DOTALL)] for words in commands_in(block)
    ]
    assert {words[0] for words in found} >= {"record", "regress"}
    for name, *rest in found:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        command.make_context(name, rest)
