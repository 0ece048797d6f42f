"""Imports go one way: plugins → registry ← benchmark."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "registry/attrimark_registry": {"attrimark", "attrimark_plugins"},
    "plugins/attrimark_plugins": {"attrimark"},
    "benchmark/attrimark": {"attrimark_plugins"},
}


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_go_one_way(folder):
    for path in (ROOT / folder).rglob("*.py"):
        assert not imported(path) & FORBIDDEN[folder], path


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_every_module_opens_with_a_sentence(folder):
    for path in (ROOT / folder).rglob("*.py"):
        assert (ast.get_docstring(ast.parse(path.read_text())) or "").strip(), path


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names
