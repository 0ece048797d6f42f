"""The distributions whose plugins a number comes from, with a hash of their sources."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from attrimark_registry.catalog import GROUP
from attrimark_registry.plugin import Plugin


def sources(plugins: Iterable[Plugin]) -> Mapping[str, Mapping[str, Any]]:
    """By package: its `distribution`, the `version` of that, and a `sha256` of its modules as they are now.

    A plugin that belongs to no installed distribution (a script's, say) has neither of the first two.
    """
    packages = sorted({type(plugin).__module__.partition(".")[0] for plugin in plugins})
    return {package: _source(package) for package in packages}


@cache
def _source(package: str) -> Mapping[str, Any]:
    name, version = _distribution(package)
    return {"distribution": name, "version": version, "sha256": _hash(package)}


def _distribution(package: str) -> tuple[str | None, str | None]:
    for each in distributions():
        if any(point.module.partition(".")[0] == package for point in each.entry_points.select(group=GROUP)):
            return each.name, each.version
    return None, None


def _hash(package: str) -> str | None:
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None:
        return None
    path = Path(file)
    modules = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    sha256 = hashlib.sha256()
    for module in modules:
        content = module.read_bytes()
        sha256.update(f"{module.relative_to(path.parent).as_posix()}\n{len(content)}\n".encode())
        sha256.update(content)
    return sha256.hexdigest()
