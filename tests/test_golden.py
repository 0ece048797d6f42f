"""What commands print of stored results, as an earlier version printed it: text, data and pages, to each character.

Numbers may differ in their last digits, as they do between processors. After a change that is meant to be seen,
`ATTRIMARK_GOLDEN=write python -m pytest tests/test_golden.py` writes the outputs again, and the commit says what moved.
"""

from __future__ import annotations

import difflib
import gzip
import math
import os
import re
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from attrimark.cli import main
from attrimark.suite.matrix import _loaded
from click.testing import CliRunner

GOLDEN = Path(__file__).parent / "golden"
STUDIES = (
    "stability seeds",
    "strategies strategies",
    "multiverse analyses",
    "contribution scaled",
    "compare again seeds",
)
TEXTS = ("table", "markdown", "latex")
QUICK = (
    "leaderboard films --details",
    "leaderboard films --format json",
    "leaderboard scaled",
    "leaderboard films --across ranks",
    "stability films",
    "contribution films",
    *(f"{study} --format {form}" for study in STUDIES for form in ("table", "json")),
)
LONG = (
    *(f"leaderboard films --details --format {form}" for form in ("markdown", "csv", "latex")),
    *(f"leaderboard {suite}" for suite in ("seeds", "again", "strategies", "analyses")),
    *(f"leaderboard seeds --across scores --format {form}" for form in (*TEXTS, "json")),
    *(f"leaderboard films --metric sufficiency --format {form}" for form in (*TEXTS, "csv")),
    "multiverse analyses --metric comprehensiveness --a leave-one-out --b random",
    *(f"{study} --format {form}" for study in STUDIES for form in TEXTS[1:]),
    *(f"report {suite} -o page.html" for suite in ("films", "seeds", "strategies", "analyses", "scaled", "again")),
)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The suites and their results, in a folder of ours: a store of an earlier schema is brought to today's."""
    made = tmp_path_factory.mktemp("golden")
    _loaded.cache_clear()  # another test's folder may have a file of the same name
    for name in ("benchmarks.toml", "films.csv"):
        shutil.copy(GOLDEN / name, made)
    with tarfile.open(GOLDEN / "store.tar.gz") as archive:
        archive.extractall(made, filter="data")
    yield made
    _loaded.cache_clear()


@pytest.mark.parametrize("words", [*QUICK, *(pytest.param(each, marks=pytest.mark.long) for each in LONG)])
def test_what_is_printed_is_what_was_printed(folder, words, monkeypatch):
    monkeypatch.chdir(folder)
    page = Path("page.html")
    page.unlink(missing_ok=True)
    ran = CliRunner().invoke(main, [*words.split(), "--store", "store"])
    printed = f"exit code {ran.exit_code}\n{ran.output}" + (page.read_text("utf-8") if page.exists() else "")
    kept = GOLDEN / "outputs" / f"{re.sub('[^a-z]+', '-', words)}.txt.gz"
    if os.environ.get("ATTRIMARK_GOLDEN") == "write":
        kept.write_bytes(gzip.compress(printed.encode(), mtime=0))
    expected = gzip.decompress(kept.read_bytes()).decode()
    if not same(printed, expected):
        lines = difflib.unified_diff(expected.splitlines(), printed.splitlines(), "was", "is", lineterm="", n=1)
        pytest.fail("\n".join(line[:300] for line in lines), pytrace=False)


COUNTED = ["report seeds -o page.html", "stability seeds", *(pytest.param(each, marks=pytest.mark.long) for each in (
    "report analyses -o page.html", "report scaled -o page.html", "report strategies -o page.html",
    "multiverse analyses", "strategies strategies", "contribution scaled", "leaderboard seeds --across scores",
))]  # fmt: skip


@pytest.mark.parametrize("words", COUNTED)
def test_each_record_and_each_bundle_is_read_once(folder, words, monkeypatch):
    monkeypatch.chdir(folder)
    read: Counter[str] = Counter()

    def counted(module: str, name: str, key: Callable[..., str]) -> None:
        original = getattr(import_module(module), name)

        def verb(*given: Any) -> Any:
            read[key(*given)] += 1
            return original(*given)

        monkeypatch.setattr(f"{module}.{name}", verb)

    counted("attrimark.results.store", "_record", lambda row, *_: f"record {row[1]}")
    counted("attrimark.results.results", "read_bundle", str)
    counted("attrimark.studies.multiverse.multiverse", "read_outputs", str)
    assert CliRunner().invoke(main, [*words.split(), "--store", "store"]).exit_code == 0
    assert any(key.startswith("record") for key in read)
    assert not [key for key, times in read.items() if times > 1]


def same(one: str, other: str) -> bool:
    """All that is no number is equal, and numbers to nine digits."""
    numbers, others = ([float(found) for found in NUMBER.findall(text)] for text in (one, other))
    return (
        NUMBER.split(one) == NUMBER.split(other)
        and len(numbers) == len(others)
        and all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) for a, b in zip(numbers, others, strict=True))
    )


def test_a_number_or_a_word_that_moved_is_noticed():
    assert same("a 1.0000000001 b", "a 1.0 b")
    assert not same("a 1.001 b", "a 1.0 b")
    assert not same("a 1.0 c", "a 1.0 b")
