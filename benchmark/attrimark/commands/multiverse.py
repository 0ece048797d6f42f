"""`attrimark multiverse`: whether verdicts survive the choices behind them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from . import options

if TYPE_CHECKING:
    from .telling import Form


@click.command()
@options.suite
@options.config
@options.store
@click.option("--metric", type=click.Choice(["sufficiency", "comprehensiveness"]), help="By this metric only.")
@click.option("--a", "first", metavar="METHOD", help="Compare this method …")
@click.option("--b", "second", metavar="METHOD", help="… with this one, by their names in the leaderboard.")
@click.option("--figures", type=click.Path(path_type=Path), help="Draw specification curves into this folder.")
@options.form
@options.output
@options.as_json
def command(
    suite: str,
    config: Path,
    store: Path,
    metric: Literal["sufficiency", "comprehensiveness"] | None,
    first: str | None,
    second: str | None,
    figures: Path | None,
    form: Form,
    output: Path | None,
    as_json: bool,
) -> None:
    """Print in how many analyses of SUITE each method beats random and the next in rank, and which choice turns that.

    Analyses cross removal operator, value, pooling, rationale length and class (the suite's [suites.NAME.multiverse]).
    They are made from stored outputs; nothing is explained, and no network is loaded.
    """
    from attrimark_registry.catalog import load_catalog

    from attrimark.results.results import Results
    from attrimark.results.store import Store
    from attrimark.studies.multiverse.figures import write_multiverse_figures
    from attrimark.studies.multiverse.multiverse import METRICS, multiverses
    from attrimark.studies.multiverse.tables import as_json as plain
    from attrimark.studies.multiverse.tables import sheet_of
    from attrimark.suite.reading.suites import read_suite

    from .telling import tell

    if (first is None) != (second is None):
        raise click.UsageError("--a and --b name two methods together")
    pair = (first, second) if first and second else None
    chosen = read_suite(config, suite, load_catalog())
    with Store.existing(store, chosen) as opened:
        found = multiverses(Results(chosen, opened), [metric] if metric else METRICS, pair)
    tell(map(sheet_of, found), list(map(plain, found)), "json" if as_json else form, output)
    if figures:
        click.echo(f"{len(write_multiverse_figures(found, figures))} figures in {figures}", err=True)
