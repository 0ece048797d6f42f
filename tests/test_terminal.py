"""No text, name or message of anybody commands the terminal, and no name leads out of a folder."""

import json
import logging
import tomllib

import pytest
from attrimark.cli import main
from attrimark.document.characters import json_text
from attrimark.screen.text import printable, screen
from attrimark.screen.warnings import to_standard_error
from attrimark.suite.reading.document import ConfigError
from attrimark.suite.reading.suites import read_suite
from attrimark_registry.catalog import load_catalog
from click.testing import CliRunner

ESCAPES = ["\x1b[31m", "\x1b]0;title\x07", "\x9b31m", "\r", "\x08", "\u202e", "\u2066", "\u2028", "\ud800"]
COMMANDING = set("\x1b\x07\x9b\r\x08\u202e\u2066\u2028\ud800")


@pytest.mark.parametrize("escape", ESCAPES)
def test_escapes_are_replaced(escape):
    for shown in (printable(f"a{escape}b"), screen(f"a{escape}b\nc\td"), json_text({"a": f"b{escape}c\n"})):
        assert not COMMANDING & set(shown)
    assert json.loads(json_text([f"b{escape}c\n"])) == [f"b{escape}c\n"]
    assert screen("a\nb\tc") == "a\nb\tc"


@pytest.mark.parametrize("text", ["می‌خواهم", "👩‍👩‍👧", "é", "日本", "نص"])
def test_what_languages_need_is_left_as_it_is(text):
    assert printable(text) == screen(text) == text


@pytest.mark.parametrize("form", [[], pytest.param(["--json"], marks=pytest.mark.long)])
def test_an_explained_text_does_not_command_the_terminal(form, monkeypatch):
    monkeypatch.setattr("attrimark.commands.explain.TRAINED_ON", 8)
    model = '{ name = "tiny-encoder", layers = 1 }'
    command = ["explain", f"good{''.join(ESCAPES[:-1])} film", "--model", model, "--labels", "negative,positive", *form]
    ran = CliRunner().invoke(main, [*command, "--method", "random"])
    assert ran.exit_code == 0, ran.output
    assert not COMMANDING & set(ran.output)


def test_an_error_does_not_command_the_terminal(tmp_path):
    config = tmp_path / "benchmarks.toml"
    config.write_text('[suites."a\\u001b[31mb"]\nmethods = ["\\u001b[31m"]\n')
    ran = CliRunner().invoke(main, ["plan", "x\x1b[31m", "--config", str(config)])
    assert ran.exit_code == 4
    assert "\x1b" not in ran.output


def test_a_warning_does_not_command_the_terminal(capsys, monkeypatch):
    handler = logging._StderrHandler(logging.WARNING)
    monkeypatch.setattr(logging, "lastResort", handler)
    to_standard_error()
    handler.handle(logging.makeLogRecord({"msg": "plugin said %s\nand more", "args": ("\x1b[31m",), "levelno": 30}))
    assert capsys.readouterr().err == "plugin said �[31m\nand more\n"


SUITE = """
[suites."{name}"]
datasets = ["planted"]
models = ["tiny-encoder"]
methods = ["random"]
metrics = ["sufficiency"]
"""


@pytest.mark.parametrize(
    "name",
    ["../../../x", "..", ".", "a/b", "a\\\\b", "/etc", ".hidden", "-x", " x", "a\\u0000b", "a" * 101, "C:x", "~/x"],
)
def test_a_suites_name_leads_nowhere(name, tmp_path):
    path = tmp_path / "benchmarks.toml"
    path.write_text(SUITE.replace("{name}", name))
    (only,) = tomllib.loads(path.read_text())["suites"]
    with pytest.raises(ConfigError, match="a suite's name is the name of a folder"):
        read_suite(path, only, load_catalog())


@pytest.mark.parametrize("name", ["paper-a", "My suite 2", "été", "a.b+c_d", "a" * 100])
def test_common_names_are_taken(name, tmp_path):
    path = tmp_path / "benchmarks.toml"
    path.write_text(SUITE.replace("{name}", name), "utf-8")
    assert read_suite(path, name, load_catalog()).name == name
