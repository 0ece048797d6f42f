"""Commands of other distributions: those of their studies, and those that they write themselves."""

from __future__ import annotations

from importlib.metadata import entry_points

import click

from attrimark.studies import built_in


def commands() -> dict[str, click.Command]:
    """By name; nothing is imported where no other distribution has plugins.

    None where the catalog cannot be loaded: help is wanted most then, and every command that needs it says why.
    """
    if all(point.dist is not None and point.dist.name == "attrimark" for point in entry_points(group="attrimark")):
        return {}
    from attrimark_registry.catalog import load_catalog
    from attrimark_registry.errors import AttrimarkError

    from .study import command_of

    try:
        catalog = load_catalog()
    except AttrimarkError:
        return {}
    ours = {study.name for study in built_in()}
    studies = [study for study in catalog.studies if study.is_command and study.name not in ours]
    return {study.name: command_of(study) for study in studies} | {each.name: each for each in catalog.commands}
