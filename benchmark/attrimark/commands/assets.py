"""`attrimark assets`: the models and data that plugins need, whether they are here, and fetching them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import options
from .saying import say, say_json

if TYPE_CHECKING:
    from attrimark_registry.catalog import Catalog


@click.command()
@click.argument("names", nargs=-1)
@click.option("--fetch", "wanted", is_flag=True, help="Fetch what is not here yet.")
@options.as_json
def command(names: tuple[str, ...], wanted: bool, as_json: bool) -> None:
    """List the assets of the plugins NAMES (all, by default), and where they lie once fetched."""
    from attrimark_registry.assets import cached
    from attrimark_registry.catalog import load_catalog

    assets = declared(load_catalog(), names)
    failures = fetch_all(assets) if wanted else []
    for asset in assets:
        place = cached(asset["reference"])
        asset["place"] = None if place is None else str(place)
    if as_json:
        say_json(assets)
    else:
        for asset in assets:
            say(f"{asset['kind']} {asset['name']}")
            say(f"  {asset['reference']}")
            say(f"  {asset['place'] or 'not fetched'}")
    if failures:
        raise click.ClickException("\n".join(failures))


def declared(catalog: Catalog, names: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """One row for each reference of each plugin.

    Raises:
        UsageError: a name that no plugin with assets has.
    """
    rows = [
        {"kind": entry.plugin.kind, "name": entry.plugin.name, "reference": reference}
        for entry in catalog
        for reference in getattr(entry.plugin, "assets", ())
    ]
    known = {row["name"] for row in rows}
    if unknown := [name for name in names if name not in known]:
        there_are = ", ".join(sorted(known))
        raise click.UsageError(f'no plugin with assets is named "{unknown[0]}" (there are: {there_are})')
    return [row for row in rows if not names or row["name"] in names]


def fetch_all(assets: list[dict[str, Any]]) -> list[str]:
    """Fetch each reference once; returns what went wrong, so that one missing asset does not keep the rest away."""
    from attrimark_registry.assets import fetch
    from attrimark_registry.errors import AttrimarkError

    failures = []
    for reference in dict.fromkeys(asset["reference"] for asset in assets):
        say(f"fetching {reference}", err=True)
        try:
            fetch(reference)
        except AttrimarkError as error:
            failures.append(str(error))
    return failures
