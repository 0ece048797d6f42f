"""`attrimark record` and `attrimark regress`, as a build uses them: exit codes, bad input, pairs, documentation."""

import json
import re
import shlex
import shutil
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import pytest
import torch
import yaml
from attrimark.cli import main
from attrimark.commands.fresh_run import Interrupted, store_at
from attrimark.results.store import Store
from attrimark.studies.regression.recorded import group_of, read_recorded, values_path, write_recorded
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_plugins.datasets.planted import Planted, corpus
from attrimark_plugins.models.shared.tiny_tokenizers import wordpiece
from attrimark_registry.catalog import load_catalog
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForSequenceClassification

DOCS = (Path(__file__).parents[1] / "docs" / "regression.md").read_text()


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


def fill(store="store", only=None, **changes):
    """Records of the suite, by hand: one text; of one method only where it is named."""
    from attrimark_registry import Cost, Measure, Record

    suite = read_suite(Path("benchmarks.toml"), "ci", load_catalog())
    with Store(Path(store)) as opened:
        for cell in cells_of(suite):
            if only and not (cell.method and cell.method.name == only):
                continue
            text = cell.variant.examples[0].id
            record = Record(
                cell.id, cell.specs, "ok", own=Cost(forwards=3), machine={"system": "Linux"},
                measures=tuple(Measure(digest, text, "", 0.5) for digest in cell.judgements),
                metric_status=dict.fromkeys(cell.judgements, ("ok", None)),
            )  # fmt: skip
            opened.save(replace(record, **(changes if cell.method and cell.method.name == "input-x-gradient" else {})))


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
    cell = next(each for each in cells_of(suite) if each.method and each.method.name == "input-x-gradient")
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
        (lambda: Path("recorded.json").write_text('{"schema": 3}'), "schema is 3"),
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


@pytest.mark.parametrize("content", [b'{"schema": 1, "suite": "ci"}', b"{", b"\xff"])
def test_a_file_that_cannot_be_read_is_recorded_anew_where_that_is_asked_for(shell, content):
    fill()
    Path("recorded.json").write_bytes(content)
    refused = record(shell)
    assert refused.exit_code == 4
    assert Path("recorded.json").read_bytes() == content
    (advice,) = re.findall(r"attrimark (record (?:SUITE|ci) --anew --reason (?:TEXT|'schema 2'))", refused.stderr)
    words = shlex.split(advice.replace("SUITE", "ci").replace("TEXT", "afresh").replace("'schema 2'", "afresh"))
    assert shell(*words, *STORED).exit_code == 0
    assert shell("regress", "ci", *STORED, "--strict").exit_code == 0
    assert {each.facts.because for each in read_recorded(Path("recorded.json")).cells.values()} == {"afresh"}


def test_recording_anew_without_any_result_leaves_the_file(shell):
    fill()
    record(shell)
    before = Path("recorded.json").read_bytes()
    assert shell("record", "ci", "--reason", "why", "--anew", "--store", "empty", "--no-run").exit_code == 5
    assert Path("recorded.json").read_bytes() == before


def test_cells_without_a_result_yet_stay_as_they_were_recorded(shell):
    fill()
    record(shell)
    before = read_recorded(Path("recorded.json"))
    fill("part", only="random")
    part = ("--store", "part", "--no-run")
    told = shell("record", "ci", "--reason", "later", *part)
    assert told.exit_code == 1
    lost = [line for line in told.stderr.splitlines() if line.endswith(": no result yet")]
    assert len(lost) == len(before.cells) - 1
    assert "no longer in the suite" not in told.output
    assert read_recorded(Path("recorded.json")).cells.keys() == before.cells.keys()
    assert shell("record", "ci", "--reason", "later", *part, "--only", "*× random ×*").exit_code == 0


def test_a_spread_over_seeds_that_is_dropped_is_told(shell):
    fill()
    record(shell)
    path = Path("recorded.json")
    before = read_recorded(path)
    group = next(group_of(name) for name in before.cells if "random" in name)
    spread = {group: {"average-precision": (0.5, 0.4, 0.6, 0.5, 0.5)}}
    write_recorded(replace(before, reseeds=spread), path)
    assert read_recorded(path).reseeds == spread
    suite = Path("benchmarks.toml")
    suite.write_text(suite.read_text().replace("explain = 1", "explain = 2"))
    fill()
    told = record(shell)
    assert f"{group} · average-precision: its spread over seeds is dropped (dataset changed)" in told.stdout
    assert read_recorded(path).reseeds == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("record", "ci", "--reason", "x", "--anew", "--only", "*", *STORED), "leave --only out"),
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


def test_a_run_in_which_nothing_can_run_is_5(shell):
    path = Path("benchmarks.toml")
    path.write_text(path.read_text().replace("tiny-causal", "tiny-encoder"))  # which has no head before it is trained
    told = shell("run", "ci", "--quiet")
    assert told.exit_code == 5
    assert "comes without a trained head" in told.stdout


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
    record(shell, "--only", "*random*")
    assert next(iter(read_recorded(Path("recorded.json")).cells.values())).facts.because == "why"
    assert shell("regress", "ci", *STORED).exit_code == 1
    assert shell("regress", "ci", *STORED, "--only", "*random*").exit_code == 0
    assert "input-x-gradient × seed 0: forwards" in record(shell, "--only", "*input-x-gradient*").stdout
    assert shell("regress", "ci", *STORED).exit_code == 0


# What a suite says of its comparisons


def says(line):
    """Let the suite say something more."""
    path = Path("benchmarks.toml")
    path.write_text(path.read_text().replace("[suites.ci]\n", f"[suites.ci]\n{line}\n", 1))


def test_the_suite_says_what_gates_unless_the_command_does(shell):
    from attrimark_registry import Measure

    says('primary = ["accuracy"]')
    fill()
    record(shell)
    assert read_recorded(Path("recorded.json")).primary == ("accuracy",)
    suite = read_suite(Path("benchmarks.toml"), "ci", load_catalog())
    cell = next(each for each in cells_of(suite) if each.method and each.method.name == "input-x-gradient")
    (digest,) = cell.judgements
    fill(measures=(Measure(digest, cell.variant.examples[0].id, "", 0.1),))
    assert shell("regress", "ci", *STORED, "--strict").exit_code == 0
    told = shell("regress", "ci", *STORED, "--strict", "--primary", "average-precision", "--json")
    assert told.exit_code == 7
    (found,) = (each for each in json.loads(told.stdout)["findings"] if each["verdict"] == "inconclusive")
    assert found["gates"]
    assert "--primary average-precision" in found["again"]
    # what the suite says now counts, not what it said when it was recorded
    path = Path("benchmarks.toml")
    path.write_text(path.read_text().replace('primary = ["accuracy"]', 'primary = ["average-precision"]'))
    assert shell("regress", "ci", *STORED, "--strict").exit_code == 7
    record(shell, "--primary", "accuracy", "--primary", "average-precision")
    assert read_recorded(Path("recorded.json")).primary == ("accuracy", "average-precision")


@pytest.mark.parametrize(
    ("suite", "flag", "stored", "shown"),
    [
        ("", (), True, True),
        ("", ("--no-store-text",), False, False),
        ("store_text = false", (), False, False),
        ("store_text = false", ("--store-text",), True, False),
        ("store_text = true", ("--no-store-text",), False, False),
    ],
)
def test_texts_are_shown_where_both_the_suite_and_the_recorded_file_allow_it(shell, suite, flag, stored, shown):
    says(suite)
    fill()
    record(shell, *flag)
    assert read_recorded(Path("recorded.json")).store_text == stored
    fill(status="failed", reason="ValueError: a moving text", measures=(), metric_status={})
    told = shell("regress", "ci", *STORED)
    assert told.exit_code == 1
    assert ("a moving text" in told.stdout) == shown
    # who looks again does not allow it by looking
    assert record(shell, *flag).exit_code == 1
    assert read_recorded(Path("recorded.json")).store_text == stored


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

    monkeypatch.setattr("attrimark.commands.fresh_run.taken", interrupt)
    monkeypatch.setattr(sys, "argv", ["attrimark", "regress", "ci", *STORED])
    for ended in (shell("regress", "ci", *STORED), record(shell)):
        assert ended.exit_code == 2
        assert "Resume with: attrimark regress ci --store store --no-run" in ended.stderr


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


# A classifier of one's own


OWN = """
[suites.mine]
datasets = [{{ name = "planted", train = 1, validation = 0, test = 60 }}]
models = [{{ as = "mine", name = "hub-classifier", reference = "path:{folder}" }}]
methods = ["random", "gradient", "leave-one-out"]
metrics = ["average-precision", "accuracy"]
explain = 40
"""


def trained(folder, examples):
    """A classifier in a folder, trained on texts that it is then right about."""
    tokenizer, names = wordpiece(corpus("english"), 64), dict(enumerate(("negative", "positive")))
    torch.manual_seed(0)
    network = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=64, pad_token_id=tokenizer.pad_token_id, id2label=names,
            label2id={name: number for number, name in names.items()},
        )
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(8):
        for start in range(0, len(examples), 32):
            some = examples[start : start + 32]
            rows = tokenizer([each.segments[0] for each in some], padding=True, return_tensors="pt")
            labels = torch.tensor([network.config.label2id[each.label] for each in some])
            network(**rows, labels=labels).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def damage(folder):
    """As a wrong update, or a bad quantization, leaves weights."""
    weights = load_file(folder / "model.safetensors")
    rng = torch.Generator().manual_seed(1)
    noised = {name: each + 0.5 * torch.randn(each.shape, generator=rng) for name, each in weights.items()}
    save_file(noised, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.long
def test_a_damaged_classifier_of_ones_own_fails_the_build_and_its_accuracy_is_named_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = trained(tmp_path / "mine", Planted(train=1000, validation=0, test=1).load().train)
    Path("benchmarks.toml").write_text(OWN.format(folder=folder))
    call = partial(CliRunner().invoke, main)
    words = ["--threads", "1", "--quiet"]
    refused = call(["record", "mine", "--reason", "first", "--reseeds", "5", *words])
    assert refused.exit_code == 4
    assert "seeds make no difference" in refused.stderr
    assert call(["record", "mine", "--reason", "first", *words]).exit_code == 0
    known = read_recorded(Path("recorded.json"))
    (alone,) = [cell for cell in known.cells.values() if cell.facts.method is None]
    assert alone.scores("accuracy").by_text.mean() > 0.8
    assert call(["regress", "mine", *words, "--strict"]).exit_code == 0
    damage(folder)
    failed = call(["regress", "mine", *words])
    assert failed.exit_code == 1
    told = " ".join(failed.stdout.split())
    assert "the weights changed: compared text by text" in told
    first = re.search("regressed: (.*?) again:", told)[1]
    assert "the model alone · accuracy: the accuracy fell by" in first
    assert "--reseeds" not in told
