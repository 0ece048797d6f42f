"""A study, a format and a command of a stranger's: one file, and no file of ours changes."""

import csv
import io
import json
import re
import shutil
import sys
import tarfile
from pathlib import Path

import pytest
from attrimark.cli import main
from attrimark.studies import built_in
from attrimark.suite.matrix import _loaded
from attrimark_registry import load_catalog
from click.testing import CliRunner

from tests.references.strangers import distribution

GOLDEN = Path(__file__).parent / "golden"
DOCS = Path(__file__).parents[1] / "docs" / "studies.md"
CODE = '''
from dataclasses import asdict, dataclass

import click
from attrimark.document.grid import Grid
from attrimark.document.render import Renderer
from attrimark.document.section import Section
from attrimark.studies.study import Option, Study
from attrimark_registry import hookimpl
from pydantic import BaseModel


class Counted(BaseModel, extra="forbid", frozen=True):
    """Its table in a suite."""
    least: int = 0


@dataclass(frozen=True)
class Count:
    method: str
    texts: int


class Counts(Study):
    """How many texts each method explained."""

    name = "my-counts"
    title = "Texts explained"
    summary = "Count the texts that each method explained."
    options = (Option("method", "Of this method only."),)

    def keys(self):
        return {"my_counts": Counted}

    def asked(self, suite):
        return "my_counts" in suite.asks

    def analyse(self, results, method=None, **chosen):
        counts = {}
        for cell in results.cells:
            record = results.ok(cell)
            if cell.method is not None and record and method in (None, cell.method.name):
                counts[str(cell.method)] = counts.get(str(cell.method), 0) + len(results.attributions(record))
        least = results.suite.asks["my_counts"].least if self.asked(results.suite) else 0
        return [Count(*pair) for pair in counts.items() if pair[1] >= least]

    def sections(self, findings, suite, **chosen):
        rows = [[each.method, str(each.texts)] for each in findings]
        grid = Grid("", ["method", "texts"], rows)
        yield Section("Texts by method", answers=(f"{len(findings)} methods",), grids=(grid,))


class Shouted(Renderer):
    """Everything in capitals."""

    name = "my-shout"

    def render(self, document):
        return " ".join(section.title.upper() for section in document.sections)


@click.command("my-greeting", help="Greet.")
def greeting():
    click.echo("hello")


@hookimpl
def register_studies():
    return [Counts()]


@hookimpl
def register_renderers():
    return [Shouted()]


@hookimpl
def register_commands():
    return [greeting]
'''


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A folder with stored results of the suite `films`, and the stranger's distribution on the path."""
    _loaded.cache_clear()
    for name in ("benchmarks.toml", "films.csv"):
        shutil.copy(GOLDEN / name, tmp_path)
    with tarfile.open(GOLDEN / "store.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    distribution(tmp_path / "site", CODE)
    sys.modules.pop("my_plugins", None)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path)
    yield lambda *words: CliRunner().invoke(main, [*words])
    _loaded.cache_clear()
    sys.modules.pop("my_plugins", None)


def test_a_study_in_one_file_has_a_command_in_every_format(shell):
    def said(*words: str) -> str:
        told = shell("my-counts", "films", "--store", "store", *words)
        assert told.exit_code == 0, told.output
        return told.stdout

    assert "Texts by method" in said()
    assert "| leave-one-out" in said("--format", "markdown")
    assert "\\toprule" in said("--format", "latex")
    (first, *_) = json.loads(said("--json"))
    assert set(first) == {"method", "texts"}
    lines = list(csv.DictReader(io.StringIO(said("--format", "csv"))))
    assert lines[0] == {"section": "Texts by method", "table": "", "row": first["method"], "column": "texts",
                        "value": str(first["texts"])}  # fmt: skip
    assert said("--format", "my-shout").strip() == "TEXTS BY METHOD"
    chosen = json.loads(said("--json", "--method", "leave-one-out"))
    assert {each["method"].partition("(")[0] for each in chosen} == {"leave-one-out"}


def test_a_study_in_one_file_has_its_table_in_the_suite_and_a_part_of_the_report(shell):
    page = ["report", "films", "--store", "store", "-o", "page.html"]
    assert shell(*page).exit_code == 0
    assert "Texts explained" not in Path("page.html").read_text("utf-8")
    suites = Path("benchmarks.toml")
    suites.write_text(suites.read_text() + "\n[suites.films.my_counts]\nleast = 1\n")
    assert shell(*page).exit_code == 0
    assert "Texts explained" in Path("page.html").read_text("utf-8")
    suites.write_text(suites.read_text().replace("least = 1", 'least = "some"'))
    told = shell(*page)
    assert told.exit_code == 4
    assert "suites.films.my_counts.least" in told.output


def test_a_command_of_a_stranger_is_listed_and_run(shell):
    listed = shell("--help").output
    assert "my-greeting" in listed
    assert "my-counts" in listed
    assert shell("my-greeting").output == "hello\n"
    assert "my-shout" in shell("my-counts", "films", "--format", "no-such").output


def test_a_study_whose_name_is_taken_is_broken_and_ours_stays(shell, tmp_path):
    distribution(tmp_path / "site", CODE.replace('"my-counts"', '"stability"'))
    assert 'two studies are named "stability"' in shell("plugins").output
    assert "over seeds" in shell("stability", "seeds", "--store", "store").output


@pytest.mark.parametrize("quotes", [True, False])
def test_a_study_that_fails_takes_no_other_with_it(shell, tmp_path, quotes):
    broken = CODE.replace("def analyse(self, results, method=None, **chosen):", """def analyse(self, results, **chosen):
        raise KeyError("a text that nobody may read")

    def made(self, results, method=None, **chosen):""")  # fmt: skip
    distribution(tmp_path / "site", broken)
    suites = Path("benchmarks.toml")
    text = suites.read_text().replace(
        "[suites.films]", "[suites.films]" if quotes else "[suites.films]\nstore_text = false"
    )
    suites.write_text(text + "\n[suites.films.my_counts]\nleast = 1\n")
    told = shell("report", "films", "--store", "store", "-o", "page.html")
    page = Path("page.html").read_text("utf-8")
    assert told.exit_code == 0
    assert "What could not be shown" in page
    assert "my-counts failed with KeyError" in page
    assert "tiny-encoder" in page
    assert ("nobody may read" in page + told.output) == quotes


def test_the_documents_example_is_such_a_study(shell, tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    distribution(tmp_path / "site", example)
    told = shell("explained", "films", "--store", "store", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["leave-one-out"] > 0


def test_our_own_studies_are_found_as_strangers_are():
    assert [study.name for study in load_catalog().studies] == [study.name for study in built_in()]
