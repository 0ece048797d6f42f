"""Imports go one way: plugins → registry ← benchmark; in the harness suite ← run → results ← studies → document."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrimark.studies import STUDIES
from attrimark_registry.catalog import load_catalog

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "registry/attrimark_registry": {"attrimark", "attrimark_plugins"},
    "plugins/attrimark_plugins": {"attrimark"},
    "benchmark/attrimark": {"attrimark_plugins"},
}
# what each folder of the harness may import of the others
LAYERS = {
    "statistics": set(),
    "screen": set(),
    "document": {"screen", "statistics"},
    "suite": set(),
    "results": {"statistics", "suite"},
    "run": {"results", "screen", "suite"},
    "studies": {"document", "results", "statistics", "suite"},
    "api": {"document", "results", "run", "studies", "suite"},
    "commands": {"api", "document", "results", "run", "screen", "statistics", "studies", "suite"},
}
KIND_OF = {
    "datasets": "dataset",
    "methods": "method",
    "metrics": "metric",
    "models": "model",
    "quantizers": "quantizer",
    "strategies": "strategy",
}
HARNESS = ROOT / "benchmark/attrimark"
# what `evaluate` returns shows itself as leaderboards
ALLOWED = {"api/evaluate.py": {"leaderboard"}}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_harness_has_layers(layer):
    for path in (HARNESS / layer).rglob("*.py"):
        others = {name.split(".")[1] for name in modules_imported(path) if name.startswith("attrimark.")}
        assert others - {layer, "__version__"} <= LAYERS[layer], path


def test_every_folder_of_the_harness_is_a_layer():
    assert {path.name for path in HARNESS.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(LAYERS)


def test_no_modules_import_each_other_in_a_circle():
    modules = {name: path for folder in FORBIDDEN for name, path in modules_in(ROOT / folder)}
    waiting = {name: modules_imported(path) & modules.keys() - {name} for name, path in modules.items()}
    while ready := {name for name, needs in waiting.items() if not needs}:
        waiting = {name: needs - ready for name, needs in waiting.items() if name not in ready}
    assert not waiting


def test_no_study_is_named_outside_of_its_folder():
    for path in HARNESS.rglob("*.py"):
        inside = path.relative_to(HARNESS).parts
        known = {name.split(".")[2] for name in modules_imported(path) if name.startswith("attrimark.studies.")}
        allowed = {inside[1]} if inside[0] == "studies" and len(inside) > 2 else ALLOWED.get("/".join(inside), set())
        assert known & set(STUDIES) <= allowed, path


@pytest.mark.parametrize("kind", KIND_OF)
def test_the_listing_of_a_kind_is_the_list_of_its_plugins(kind):
    """What several of them share is in `shared/`, and knows none of them."""
    listed = ROOT / "plugins/attrimark_plugins" / kind
    registered = {each.plugin.__module__.rpartition(".")[2] for each in load_catalog().entries[KIND_OF[kind]].values()}
    assert {path.stem for path in listed.glob("*.py")} - {"__init__"} == registered
    for path in (listed / "shared").glob("*.py"):
        plugins = {f"attrimark_plugins.{kind}.{name}" for name in registered}
        assert not modules_imported(path) & plugins, path


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_go_one_way(folder):
    for path in (ROOT / folder).rglob("*.py"):
        assert not imported(path) & FORBIDDEN[folder], path


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_every_module_opens_with_a_sentence(folder):
    for path in (ROOT / folder).rglob("*.py"):
        assert (ast.get_docstring(ast.parse(path.read_text())) or "").strip(), path


def modules_in(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*.py"):
        parts = (folder.name, *path.relative_to(folder).with_suffix("").parts)
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def is_module(name: str) -> bool:
    package, *parts = name.split(".")
    return any(
        (folder.parent / package / Path(*parts)).with_suffix(".py").exists()
        or (folder.parent / package / Path(*parts) / "__init__.py").exists()
        for folder in (ROOT / each for each in FORBIDDEN)
    )


def modules_imported(path: Path) -> set[str]:
    """Modules that a file imports, also within its functions, but for those that only its types need."""
    folder = next(ROOT / each for each in FORBIDDEN if path.is_relative_to(ROOT / each))
    package = [folder.name, *path.relative_to(folder).parent.parts]
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            inner = {f"{module}.{alias.name}" for alias in node.names}
            found |= {name for name in inner if is_module(name)} or {module}
        waiting += ast.iter_child_nodes(node)
    return found


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names
