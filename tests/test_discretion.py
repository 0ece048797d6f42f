"""Where a suite says `store_text = false`, no command shows a text, whatever plugins say; bundles alone hold texts."""

import json
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from attrimark.cli import main
from attrimark.results.redaction import WITHHELD, as_told, everything, only_known, telling_of
from attrimark.results.store import Store
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_registry import Measure, Record
from attrimark_registry.catalog import load_catalog
from click.testing import CliRunner

from tests.references.strangers import CANARY, PLUGINS, changed, distribution, films
from tests.references.tiers import tiered
from tests.references.written import FORMATS

SUITES = """
[suites.plain]
datasets = [{ name = "text-file", path = "films.csv", split = "split" }]
models = [{ name = "tiny-encoder", layers = 1 }]
strategies = [{ name = "full", epochs = 1 }]
methods = ["random", "my-occlusion", "my-opening", "my-fragile", "my-lost", "tuco"]
metrics = ["my-order", "my-share", "sufficiency"]
explain = 3
target = "positive"
store_text = false

[suites.seeds]
datasets = [{ name = "text-file", path = "films.csv", split = "split" }]
models = [{ name = "tiny-encoder", layers = 1 }]
strategies = [{ name = "full", epochs = 1 }, { name = "full", epochs = 2 }]
seeds = 2
methods = ["random", "my-occlusion", "my-opening", "my-fragile"]
metrics = ["my-order", "my-share", "sufficiency", "snr"]
explain = 3
target = "positive"
operators = ["mask"]
store_text = false

[[suites.seeds.comparisons]]
over = "strategy"
method = "my-occlusion"
metrics = ["my-order"]

[suites.seeds.multiverse]
lengths = [0.2, 0.5]
poolings = ["sum", "max"]
readings = ["probability"]
classes = ["predicted"]

[suites.none]
datasets = [{ name = "text-file", path = "films.csv", split = "split" }]
models = [{ name = "tiny-encoder", layers = 1 }]
methods = ["random"]
metrics = ["my-order"]
store_text = false
"""

# Plugins that say texts wherever they can.
LOUD = [
    (
        '"""The value of the first words, given to each of them."""\n    name = "my-opening"\n'
        "    def explore(self, features, rng):\n",
        '"""The value of the first words, given to each of them."""\n    name = "my-opening"\n'
        "    def explore(self, features, rng):\n"
        "        if 'dull' in [each.text for each in features]: raise Unsupported('no ' + features[-1].text)\n",
    ),
    (
        'name = "my-fragile"\n    def explore(self, features, rng):\n',
        'name = "my-fragile"\n    def explore(self, features, rng):\n'
        "        print(features[-1].text)\n"
        "        if self.name == 'my-fragile': raise ValueError(features[-1].text)\n"
        "        if self.name == 'my-lost': raise Unsupported(features[-1].text)\n",
    ),
    ("return float(np.abs", "raise ValueError(example.text)\n        return float(np.abs"),
    ("hookimpl\n\nPAUSE", "Unsupported, hookimpl\n\nPAUSE"),
]

# What reads what was run: a command each, and where it writes.
READERS = [
    ("plan", "plain"),
    ("plan", "plain", "--json"),
    *(("leaderboard", "plain", "--format", form, "--details") for form in FORMATS),
    ("leaderboard", "plain", "--figures", "written/leaderboard"),
    ("leaderboard", "seeds", "--across", "ranks", "--output", "written/ranks.txt"),
    ("compare", "plain", "seeds", "--json"),
    ("stability", "seeds", "--figures", "written/stability"),
    ("stability", "seeds", "--json"),
    ("strategies", "seeds", "--json", "--figures", "written/strategies"),
    ("multiverse", "seeds", "--json", "--figures", "written/multiverse"),
    ("report", "plain", "-o", "written/plain.html", "--figures", "written/plain"),
    ("report", "seeds", "-o", "written/seeds.html"),
]

QUICK = (("leaderboard", "plain", "--figures", "written/leaderboard"), ("compare", "plain", "seeds", "--json"))


@contextmanager
def heard(path: Path):
    """What this process and those that it starts write to standard error goes to that file."""
    saved = os.dup(2)
    with open(path, "wb") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def call(*words):
    told = CliRunner().invoke(main, words)
    assert "Traceback" not in told.output, told.output
    return told


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder where both suites were run, and what the runs said: to us, and from the workers."""
    folder = tmp_path_factory.mktemp("discretion")
    code = PLUGINS
    for old, new in LOUD:
        code = changed(code, old, new)
    distribution(folder / "site", code)
    films(folder / "films.csv")
    (folder / "benchmarks.toml").write_text(SUITES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder / "site")
        patch.setenv("PYTHONPATH", str(folder / "site"), prepend=os.pathsep)
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        with heard(folder / "heard"):
            told = [call("run", suite, "--threads", "1") for suite in ("plain", "seeds")]
        yield told


def holding(folder: Path) -> list[Path]:
    """The files that hold the canary."""
    return [each for each in folder.rglob("*") if each.is_file() and CANARY.encode() in each.read_bytes()]


def test_a_run_tells_and_keeps_no_reason_that_quotes_a_text(ran):
    for told in ran:
        assert told.exit_code == 1
        assert WITHHELD in told.output
        assert CANARY not in told.output
    assert CANARY not in Path("heard").read_text()
    assert {each.parent.name for each in holding(Path(".attrimark"))} == {"bundles"}


@pytest.mark.parametrize("words", tiered([(each,) for each in READERS], QUICK.__contains__), ids=" ".join)
def test_no_reader_shows_a_text(ran, words):
    told = call(*words)
    assert told.exit_code == 0, told.output
    assert CANARY not in told.output
    for folder in (Path("written"), Path(".attrimark/figures")):
        assert not holding(folder)
        assert not [each for each in folder.rglob("*") if re.search("word|token", each.name)]


@pytest.mark.long
def test_what_was_run_with_texts_is_read_without(ran):
    shutil.copytree(".attrimark", "loud")
    with Store(Path("loud")) as store:
        for record in store.records(store.cells()).values():
            ends = {digest: (status, why and CANARY) for digest, (status, why) in record.metric_status.items()}
            left_out = dict.fromkeys(record.left_out, CANARY)
            why = record.reason and CANARY
            store.save(replace(record, reason=why, left_out=left_out, metric_status=ends))
    assert Path("loud/store.sqlite") in holding(Path("loud"))
    for words in READERS:
        if "--figures" not in words:
            told = call(*words, "--store", "loud")
            assert told.exit_code == 0, told.output
            assert CANARY not in told.output
    assert not holding(Path("written"))
    Path("loud.toml").write_text(SUITES.replace("store_text = false", "store_text = true"))
    shown = call("leaderboard", "plain", "--config", "loud.toml", "--store", "loud", "--figures", "shown")
    assert f"my-fragile: failed: {CANARY}" in shown.output
    assert f"1 × my-opening: {CANARY}" in shown.output
    assert list(Path("shown").glob("*words*"))


@pytest.mark.long
def test_a_part_that_is_to_be_computed_again_keeps_texts_too(ran):
    call("report", "plain", "-o", "written/again.html")
    assert Path("written/again.html").read_text().count("store_text = false") > 1


# What is told


def test_what_was_known_before_any_text_was_read_is_told(ran):
    told = call("run", "none", "--quiet")
    assert told.exit_code == 5
    assert "comes without a trained head" in told.stdout
    assert WITHHELD not in told.stdout


def test_how_a_worker_died_is_told_and_what_looks_like_it_is_not(ran):
    telling = only_known([])
    for reason in ("its worker was killed by SIGKILL, 3 times", "its worker ended with exit code 7, 3 times"):
        assert telling(reason) == reason
        assert telling(f"{reason} {CANARY}") == telling(f"{CANARY}\n{reason}") == WITHHELD
    assert everything(CANARY) == CANARY


def test_a_store_tells_and_keeps_what_its_suite_allows(ran, tmp_path):
    suite = read_suite(Path("benchmarks.toml"), "plain", load_catalog())
    cell = next(each for each in cells_of(suite) if each.refusals)
    known = next(iter(cell.refusals.values()))
    digests = [f"metric {place}" for place in range(3)]
    record = Record(
        cell.id, cell.specs, "ok", left_out={"3": f"too long: {CANARY}"}, measures=(Measure(digests[0], "1", "", 0.5),),
        metric_status={
            digests[0]: ("ok", None), digests[1]: ("failed", CANARY), digests[2]: ("unsupported", known),
        },
    )  # fmt: skip
    discreet = telling_of(suite)
    assert telling_of(replace(suite, store_text=True)) is everything
    with Store(tmp_path / "loud") as store:
        store.save(record)
        (kept,) = store.records([cell.id]).values()
        assert kept.left_out == record.left_out
    for folder in ("loud", "quiet"):
        with Store(tmp_path / folder, discreet) as store:
            if folder == "quiet":
                store.save(as_told(record, discreet))  # as a discreet worker does
            (kept,) = store.records([cell.id]).values()
            assert kept.left_out == {"3": WITHHELD}
            assert [kept.metric_status[each][1] for each in digests] == [None, WITHHELD, known]
            assert kept.measures == record.measures
    assert {each.parent.name for each in holding(tmp_path)} == {"loud"}
    assert CANARY not in json.dumps(kept.metric_status)
