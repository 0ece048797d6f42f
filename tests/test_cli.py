"""The command line: quick to answer, one exit code for each kind of end, messages a user can act on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import click
import pytest
from attrimark import __version__
from attrimark.cli import COMMANDS, main
from attrimark.commands import assets, plugins
from attrimark_registry.assets import cached
from attrimark_registry.catalog import Catalog, Entry
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.plugin import Dataset, Kind
from click.testing import CliRunner, Result


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plugins", "--help"], ["assets", "--help"]])
def test_asking_for_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = f"""
import sys
from attrimark.cli import main
try:
    main({arguments})
except SystemExit as ended:
    assert not ended.code
heavy = {{name.partition(".")[0] for name in sys.modules}}
print(sorted(heavy & {{"torch", "transformers", "attrimark_registry", "numpy", "pydantic", "rich"}}))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_help_lists_every_command() -> None:
    shown = call("--help")
    assert shown.exit_code == 0
    assert all(f"  {name} " in shown.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    shown = call(name, "--help")
    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"Usage: main {name}")


def test_the_version_is_told() -> None:
    assert call("--version").stdout == f"attrimark, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["pluginz"], ["--nonsense"], ["plugins", "--nonsense"], ["plugins", "--kind", "lens"], ["run"]]
)
def test_wrong_usage_is_4(arguments: list[str]) -> None:
    ended = call(*arguments)
    assert ended.exit_code == 4
    assert ended.stdout == ""
    assert "Error: " in ended.stderr


def test_an_unknown_command_names_those_there_are() -> None:
    assert "There are: run, plan, leaderboard" in call("pluginz").stderr


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A command that does what the test says."""

    def make(verb: Any) -> None:
        command = click.Command("trial", callback=verb)
        monkeypatch.setitem(COMMANDS, "trial", "For tests.")
        monkeypatch.setitem(sys.modules, "attrimark.commands.trial", SimpleNamespace(command=command))

    return make


def raising(error: BaseException) -> Any:
    def verb() -> None:
        raise error

    return verb


@pytest.mark.parametrize(
    ("verb", "code", "told"),
    [
        (lambda: None, 0, ""),
        (lambda: 1, 1, ""),
        (lambda: click.get_current_context().exit(5), 5, ""),
        (raising(AttrimarkError("choose another")), 4, "Error: choose another\n"),
        (raising(click.BadParameter("too many")), 4, "Error: Invalid value: too many\n"),
        (raising(KeyboardInterrupt()), 2, "Interrupted.\n"),
        (raising(KeyError("lost")), 3, "Internal error: KeyError: 'lost'\nSee where with: attrimark --debug "),
    ],
)
def test_each_kind_of_end_has_its_code(trial: Any, verb: Any, code: int, told: str) -> None:
    trial(verb)
    ended = call("trial")
    assert ended.exit_code == code
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_traceback_is_shown_where_it_is_asked_for(trial: Any) -> None:
    trial(raising(KeyError("lost")))
    ended = call("--debug", "trial")
    assert ended.exit_code == 3
    assert "Traceback (most recent call last)" in ended.stderr
    assert "in verb" in ended.stderr


def test_a_bad_file_of_suites_is_4_and_tells_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("benchmarks.toml").write_text(
        '[suites.quick]\nmethods = ["leave-one-ot"]\nexplain = 0\nmodels = ["tiny-encoder"]\n'
        'datasets = ["planted"]\nmetrics = ["sufficiency"]\n',
        encoding="utf-8",
    )
    ended = call("plan", "quick")
    assert ended.exit_code == 4
    assert ended.stderr.splitlines() == [
        'Error: benchmarks.toml:2:12: suites.quick.methods[0]: no method named "leave-one-ot"; '
        'did you mean "leave-one-out"?',
        "benchmarks.toml:3:1: suites.quick.explain: must be at least 1, not 0",
    ]


def test_no_file_of_suites_is_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = call("plan", "quick")
    assert ended.exit_code == 4
    assert ended.stderr.startswith("Error: benchmarks.toml: no such file")


def test_the_kinds_of_the_option_are_those_of_the_registry() -> None:
    assert get_args(Kind) == plugins.KINDS


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of two data sets: one asset is here, one is not."""
    here = tmp_path / "here.csv"
    here.touch()

    def load(self: Any) -> Any: ...

    made = {
        name: type(name, (Dataset,), {"name": name, "assets": (reference,), "load": load, "__module__": __name__})
        for name, reference in {"near": f"path:{here}", "far": f"path:{tmp_path / 'gone.csv'}"}.items()
    }
    catalog = Catalog({"dataset": {name: Entry(plugin, "test") for name, plugin in made.items()}})  # pyright: ignore
    monkeypatch.setattr("attrimark_registry.catalog.load_catalog", lambda: catalog)
    return here


def test_assets_tells_what_is_here(shelf: Path) -> None:
    told = call("assets", "--json")
    assert told.exit_code == 0
    assert [(each["name"], each["place"]) for each in json.loads(told.stdout)] == [("near", str(shelf)), ("far", None)]
    assert cached(f"path:{shelf}") == shelf
    assert "not fetched" in call("assets", "far").stdout


def test_one_missing_asset_does_not_keep_the_others_away(shelf: Path) -> None:
    told = call("assets", "--fetch", "--json")
    assert told.exit_code == 4
    assert [each["name"] for each in json.loads(told.stdout) if each["place"]] == ["near"]
    assert "there is nothing at" in told.stderr
    assert call("assets", "near", "--fetch").exit_code == 0


def test_an_asset_of_no_plugin_is_wrong_usage(shelf: Path) -> None:
    told = call("assets", "mear")
    assert told.exit_code == 4
    assert "(there are: far, near)" in told.stderr


def test_each_reference_is_fetched_once(shelf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert assets.fetch_all([{"reference": f"path:{shelf}"}] * 2) == []
    assert capsys.readouterr().err.count("fetching") == 1
