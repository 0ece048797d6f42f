"""Third-party plugins: a broken one is listed with its reason, and the rest keep working."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from attrimark.cli import main
from attrimark_registry import AttrimarkError, load_catalog
from click.testing import CliRunner

HEALTHY = """
from attrimark_registry import SubsetMethod, hookimpl

class Lens(SubsetMethod):
    \"\"\"Looks at words through a lens.

    More about it.
    \"\"\"

    name = "{name}"
    focus: float
    steps: int = 3

    def explore(self, features, rng):
        return (yield features)[:-1]

@hookimpl
def register_methods():
    return [Lens]
"""

BROKEN = {
    "missing": ("import not_installed_anywhere", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
    "syntax": ("def broken(:", "SyntaxError: "),
    "exits": ("import sys\nsys.exit('enough')", "SystemExit: enough"),
    "raises": (HEALTHY.replace("return [Lens]", "raise KeyError('lens')"), "KeyError: 'lens'"),
    "number": (HEALTHY.replace("return [Lens]", "return [3]"), "register_methods returned 3, which is no Method class"),
    "value": (HEALTHY.replace("return [Lens]", "return [Lens(focus=1.0)]"), "which is no Method class"),
    "nothing": (HEALTHY.replace("return [Lens]", "pass"), "TypeError: 'NoneType' object is not iterable"),
    "kind": (HEALTHY.replace("register_methods", "register_metrics"), "which is no Metric class"),
    "typo": (HEALTHY.replace("register_methods", "register_methodz"), "unknown hook 'register_methodz'"),
    "argument": (HEALTHY.replace("register_methods()", "register_methods(extra)"), "PluginValidationError: "),
    "abstract": (HEALTHY.replace("def explore", "def explain"), "Lens does not implement explore"),
    "bare": (
        HEALTHY.replace(
            "import SubsetMethod, hookimpl", "import hookimpl\nfrom attrimark_registry.plugin import Method"
        ).replace("(SubsetMethod)", "(Method)"),
        "Lens is a bare Method: derive it from one of SubsetMethod, ModelMethod",
    ),
    "moves": ("import os\nos.chdir('/')", "it changes the working directory, for every plugin"),
    "patches": (
        "import torch\ntorch.nn.Linear.forward = lambda *given: given[1]",
        "it changes the code of torch.nn.modules.linear.Linear.forward",
    ),
    "dtype": ("import torch\ntorch.set_default_dtype(torch.float64)", "it changes torch's default dtype"),
    "nameless": (HEALTHY.replace('name = "{name}"', ""), "Lens has no name"),
}

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution of one module on the path, as pip would leave it there."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(name: str, module: str) -> None:
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (folder / "entry_points.txt").write_text(f"[attrimark]\nplugins = {name}\n", encoding="utf-8")
        (tmp_path / f"{name}.py").write_text(module, encoding="utf-8")

    return put


def test_a_strangers_plugin_is_found_beside_the_built_in_ones(install: Install) -> None:
    before = {(entry.plugin.kind, entry.plugin.name) for entry in load_catalog()}
    install("acme_lens", HEALTHY.replace("{name}", "lens"))
    catalog = load_catalog()
    assert catalog.find("method", "lens").__doc__
    assert {(entry.plugin.kind, entry.plugin.name) for entry in catalog} == before | {("method", "lens")}
    assert catalog.entries["method"]["lens"].distribution == "acme_lens"


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_breaks_nothing_else(install: Install, case: str) -> None:
    module, reason = BROKEN[case]
    install(f"aaa_{case}", module)  # sorted before the other, and found first
    install(f"zzz_{case}", HEALTHY.replace("{name}", "lens"))
    catalog = load_catalog()
    [broken] = [each for each in catalog.broken if each.distribution == f"aaa_{case}"]
    assert reason in broken.reason
    assert "Traceback" in broken.details
    assert catalog.entries["method"]["lens"].distribution == f"zzz_{case}"
    assert catalog.find("method", "leave-one-out")


def test_what_a_plugin_changes_when_it_is_imported_is_put_back(install: Install) -> None:
    import torch

    forward, directory = torch.nn.Linear.forward, os.getcwd()
    for case in ("moves", "patches", "dtype"):
        install(f"aaa_{case}", BROKEN[case][0])
    load_catalog()
    assert (torch.nn.Linear.forward, os.getcwd(), torch.get_default_dtype()) == (forward, directory, torch.float32)


def test_two_plugins_of_one_name_are_broken_and_name_each_other(install: Install) -> None:
    install("one_lens", HEALTHY.replace("{name}", "lens"))
    install("two_lens", HEALTHY.replace("{name}", "lens"))
    install("other_lens", HEALTHY.replace("{name}", "spectacles"))
    catalog = load_catalog()
    assert "lens" not in catalog.entries["method"]
    assert "spectacles" in catalog.entries["method"]
    assert {each.distribution for each in catalog.broken} >= {"one_lens", "two_lens"}
    assert any(
        '2 method plugins are named "lens": from one_lens (one_lens) and two_lens (two_lens)' in each.reason
        for each in catalog.broken
    )


def test_a_built_in_name_cannot_be_taken(install: Install) -> None:
    install("late_lens", HEALTHY.replace("{name}", "leave-one-out"))
    catalog = load_catalog()
    assert catalog.entries["method"]["leave-one-out"].distribution == "attrimark"
    (broken,) = (each for each in catalog.broken if each.distribution == "late_lens")
    assert "from attrimark (attrimark_plugins" in broken.reason
    assert "leave-one-out" in CliRunner().invoke(main, ["plugins", "--kind", "method"]).stdout


@pytest.mark.parametrize(
    ("allowed", "found"),
    [
        ("", {"lens", "spectacles"}),
        ("none", set()),
        ("Near.Lens", {"lens"}),
        ("near_lens, far-lens", {"lens", "spectacles"}),
    ],
)
def test_the_environment_chooses_whose_plugins_are_used(install: Install, monkeypatch, allowed, found) -> None:
    install("near_lens", HEALTHY.replace("{name}", "lens"))
    install("far_lens", HEALTHY.replace("{name}", "spectacles"))
    monkeypatch.setenv("ATTRIMARK_PLUGINS", allowed)
    methods = load_catalog().entries["method"]
    assert {"lens", "spectacles"} & methods.keys() == found
    assert "leave-one-out" in methods


def test_a_name_that_is_not_there_may_have_been_switched_off(install: Install, monkeypatch) -> None:
    install("near_lens", HEALTHY.replace("{name}", "lens"))
    monkeypatch.setenv("ATTRIMARK_PLUGINS", "none")
    with pytest.raises(AttrimarkError, match=r'no method named "lens".*ATTRIMARK_PLUGINS=none switches'):
        load_catalog().find("method", "lens")
    monkeypatch.delenv("ATTRIMARK_PLUGINS")
    with pytest.raises(AttrimarkError, match=r'no method named "glasses"') as told:
        load_catalog().find("method", "glasses")
    assert "ATTRIMARK_PLUGINS" not in str(told.value)


def test_what_is_printed_at_import_leaves_data_clean(install: Install) -> None:
    install("loud_lens", "print('loud')\n" + HEALTHY.replace("{name}", "lens"))
    ran = CliRunner().invoke(main, ["plugins", "--json"])
    assert json.loads(ran.stdout)
    assert "loud" in ran.stderr


def test_the_command_lists_plugins_with_their_options_and_what_is_broken(install: Install) -> None:
    install("shown_lens", HEALTHY.replace("{name}", "lens"))
    install("shown_wreck", BROKEN["missing"][0])
    shown = CliRunner().invoke(main, ["plugins", "--kind", "method"])
    assert shown.exit_code == 0
    assert "Looks at words through a lens.  [shown_lens]" in shown.stdout
    assert "focus (required)" in shown.stdout
    assert "steps = 3" in shown.stdout
    assert "shown_wreck (plugins): ModuleNotFoundError" in shown.stdout
    assert "metric" not in shown.stdout.splitlines()


def test_the_command_prints_json_and_checks(install: Install) -> None:
    healthy = CliRunner().invoke(main, ["plugins", "--check"])
    assert healthy.exit_code == 0
    install("checked_lens", HEALTHY.replace("{name}", "lens"))
    install("checked_wreck", BROKEN["exits"][0])
    checked = CliRunner().invoke(main, ["plugins", "--json", "--check"])
    assert checked.exit_code == 1
    told = json.loads(checked.stdout)
    [lens] = [plugin for plugin in told["plugins"] if plugin["name"] == "lens"]
    assert lens == {
        "kind": "method",
        "name": "lens",
        "version": "1",
        "distribution": "checked_lens",
        "about": "Looks at words through a lens.",
        "options": {"reading": {"default": "log-odds"}, "focus": {}, "steps": {"default": 3}},
    }
    assert told["broken"] == [
        {"distribution": "checked_wreck", "entry_point": "plugins", "reason": "SystemExit: enough"}
    ]
