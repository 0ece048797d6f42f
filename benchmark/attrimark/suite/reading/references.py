"""A plugin as a suite refers to it: a name, or a table of a name and options."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from attrimark_registry.catalog import Catalog
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.plugin import Kind, Plugin
from pydantic import ValidationError

from .complaints import complaints_of, must_be, validated
from .document import Complaint
from .locate import KeyPath


def read_plugin(catalog: Catalog, kind: Kind, given: Any, path: KeyPath, complaints: list[Complaint]) -> Plugin | None:
    """The plugin with its options; None where something is wrong, which `complaints` then tells."""
    options = {"name": given} if isinstance(given, str) else given
    if not isinstance(options, dict):
        complaints.append(Complaint(path, must_be("a name or a table with a name", given)))
        return None
    if not isinstance(options.get("name"), str):
        told = must_be("a string", options["name"]) if "name" in options else 'missing "name"'
        complaints.append(Complaint((*path, "name") if "name" in options else path, told))
        return None
    name = options["name"]
    try:
        plugin = catalog.find(kind, name)
    except AttrimarkError as unknown:
        place = path if isinstance(given, str) else (*path, "name")
        complaints.append(Complaint(place, _elsewhere(catalog, kind, name) or f"{unknown}{_broken(catalog)}"))
        return None
    options = {key: value for key, value in options.items() if key != "name"}
    try:
        return validated(plugin, options)
    except ValidationError as error:
        complaints.extend(complaints_of(error, options, path, ["name", *plugin.model_fields]))
        return None


def with_steps(catalog: Catalog) -> Catalog:
    """A catalog whose strategies are all steps of a chain: strategies, and quantizers of other names."""
    steps = {**catalog.entries["quantizer"], **catalog.entries["strategy"]}
    return replace(catalog, entries={**catalog.entries, "strategy": steps})


def _elsewhere(catalog: Catalog, kind: Kind, name: str) -> str | None:
    others = [other for other, known in catalog.entries.items() if name in known]
    return f'"{name}" is a {others[0]}, not a {kind}' if others else None


def _broken(catalog: Catalog) -> str:
    """A hint where the plugin may be installed, but not usable."""
    names = ", ".join(sorted({broken.distribution for broken in catalog.broken}))
    return f"; {names} could not be loaded, see: attrimark plugins" if names else ""
