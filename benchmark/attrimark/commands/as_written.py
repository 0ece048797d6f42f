"""Plugins on the command line, written as a suite writes them: a name, or a table of a name and options."""

from __future__ import annotations

import tomllib
from typing import Any

import click
from attrimark_registry.catalog import Catalog
from attrimark_registry.plugin import Kind, Plugin

EXAMPLE = '{ name = "hub-classifier", reference = "path:my-model" }'


def plugin(catalog: Catalog, kind: Kind, written: str, **options: Any) -> Plugin:
    """The plugin of that name or table, with the options that are given beside it, which count first.

    Raises:
        UsageError: it looks like a table and is none, or has no name.
        AttrimarkError: there is no such plugin, or its options are wrong.
    """
    table: dict[str, Any] = {"name": written}
    if written.lstrip().startswith("{"):
        try:
            table = tomllib.loads(f"plugin = {written}")["plugin"]
        except tomllib.TOMLDecodeError as error:
            told = f"{kind}: {written} is no TOML table ({error}): write one such as {EXAMPLE}"
            raise click.UsageError(told) from None
        if not isinstance(table.get("name"), str):
            raise click.UsageError(f"{kind}: {written} names no plugin: write one such as {EXAMPLE}")
    name = table.pop("name")
    return catalog.make(kind, name, **{**table, **options})


def options_of(given: tuple[str, ...]) -> dict[str, Any]:
    """`permutations=5` as TOML reads it; bare words are strings.

    Raises:
        UsageError: one has no equals sign.
    """
    options: dict[str, Any] = {}
    for each in given:
        name, found, value = each.partition("=")
        if not found:
            raise click.UsageError(f"{each!r} is no option: write NAME=VALUE")
        try:
            options |= tomllib.loads(f"{name} = {value}")
        except tomllib.TOMLDecodeError:
            options[name] = value
    return options
