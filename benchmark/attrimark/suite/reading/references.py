"""A plugin as a suite refers to it: a name, or a table of a name, options and what the suite calls it (`as`)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from attrimark_registry.catalog import Catalog
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.plugin import Kind, Plugin
from pydantic import ValidationError

from .complaints import complaints_of, must_be, validated
from .document import Complaint
from .locate import KeyPath

LONGEST_ALIAS = 40
ALIAS = re.compile(rf"(?=.{{1,{LONGEST_ALIAS}}}$)\w+(?:[ _\-.+']+\w+)*")
KEPT = {
    "random": "it is the control, which every table names",
    "chance": "tables call the control so",
    "none": "it is no step of its own",
}


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
    alias = options.get("as")
    if alias is not None and (wrong := _unfit(alias, name, catalog.entries[kind])):
        complaints.append(Complaint((*path, "as"), wrong))
        return None
    options = {key: value for key, value in options.items() if key not in ("name", "as")}
    try:
        return validated(plugin, options).called(alias)
    except ValidationError as error:
        complaints.extend(complaints_of(error, options, path, ["name", "as", *plugin.model_fields]))
        return None


def same_name(named: Sequence[tuple[KeyPath, Plugin]]) -> Iterator[Complaint]:
    """Complaints about two things of one name in a suite, or two names of one thing; by where each is named."""
    by_name: dict[tuple[Kind, str], Plugin] = {}
    by_plugin: dict[Plugin, Plugin] = {}
    for path, plugin in named:
        first = by_name.setdefault((plugin.kind, str(plugin)), plugin)
        if first != plugin:
            yield Complaint(path, f'{first.written} is called "{plugin}" too: choose another name with "as"')
        first = by_plugin.setdefault(plugin, plugin)
        if str(first) != str(plugin):
            yield Complaint(path, f'{plugin.written} is called "{first}" elsewhere in this suite: give it one name')


def _unfit(alias: Any, name: str, known: Collection[str]) -> str | None:
    """What is wrong with a name that a suite gives, if anything."""
    if not isinstance(alias, str) or not ALIAS.fullmatch(alias):
        return must_be(f"a name of at most {LONGEST_ALIAS} letters, digits, spaces and any of _ - . + '", alias)
    if alias in known:
        return f'"{alias}" is an installed plugin: choose a name of your own'
    if name in KEPT:
        return f"{name} keeps its name: {KEPT[name]}"
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
