"""`attrimark plugins`: what is installed, from which distribution, with which options; and what is broken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from . import options
from .saying import say, say_json

if TYPE_CHECKING:
    from attrimark_registry.catalog import Broken, Entry

# as in the registry, which would take seconds to import for --help
KINDS = ("dataset", "model", "strategy", "quantizer", "method", "metric")


@click.command()
@click.option("--kind", type=click.Choice(KINDS), help="Only plugins of this kind.")
@click.option("--check", is_flag=True, help="Exit with 1 if any plugin is broken.")
@options.as_json
def command(kind: str | None, check: bool, as_json: bool) -> int:
    """List the installed plugins, with their options and defaults, and those that could not be loaded."""
    from attrimark_registry.catalog import load_catalog

    catalog = load_catalog()
    plugins = [described(entry) for entry in catalog if kind in (None, entry.plugin.kind)]
    broken = [why_broken(each) for each in catalog.broken]
    if as_json:
        told = {"plugins": plugins, "broken": broken}
        say_json(told)
    else:
        show(plugins, broken)
    return 1 if check and broken else 0


def described(entry: Entry) -> dict[str, Any]:
    """A plugin as plain data; an option without a default is required."""
    plugin = entry.plugin
    defaults = {
        name: {} if field.is_required() else {"default": field.get_default(call_default_factory=True)}
        for name, field in plugin.model_fields.items()
    }
    return {
        "kind": plugin.kind,
        "name": plugin.name,
        "version": plugin.version,
        "distribution": entry.distribution,
        "about": next(iter((plugin.__doc__ or "").strip().splitlines()), ""),
        "options": json.loads(json.dumps(defaults, default=str)),
    }


def why_broken(broken: Broken) -> dict[str, str]:
    return {"distribution": broken.distribution, "entry_point": broken.entry_point, "reason": broken.reason}


def show(plugins: list[dict[str, Any]], broken: list[dict[str, str]]) -> None:
    width = max((len(plugin["name"]) for plugin in plugins), default=0)
    for kind in KINDS:
        listed = [plugin for plugin in plugins if plugin["kind"] == kind]
        if listed:
            say(kind)
        for plugin in listed:
            say(f"  {plugin['name']:<{width}}  {plugin['about']}  [{plugin['distribution']}]")
            for option, value in plugin["options"].items():
                say(f"  {'':<{width}}    {option}{_default(value)}")
    if broken:
        say("broken")
    for each in broken:
        say(f"  {each['distribution']} ({each['entry_point']}): {each['reason']}")


def _default(option: dict[str, Any]) -> str:
    if "default" not in option:
        return " (required)"
    # TOML has no null: such an option is left out
    return "" if option["default"] is None else f" = {json.dumps(option['default'], ensure_ascii=False)}"
