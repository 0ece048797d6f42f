"""`attrimark compare`: two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options

if TYPE_CHECKING:
    from attrimark_registry.catalog import Catalog

    from attrimark.studies.two_runs.two_runs import Run


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--suite", help="A and B are folders of results, and both ran this suite; without it they are suites.")
@options.config
@options.store
@options.form
@options.output
@options.as_json
def command(
    before: str,
    after: str,
    suite: str | None,
    config: Path,
    store: Path,
    form: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Compare run B with run A: two stores of one suite, or two suites in one store.

    Paired on seeds and texts: each method's difference B − A by each metric, with its interval, and whether it holds on
    the next seed. Exit code 5 where a run has no results, or the two have nothing in common.
    """
    from attrimark_registry.catalog import load_catalog

    from attrimark.document.document import Document
    from attrimark.results.store import Store
    from attrimark.studies.two_runs.two_runs import compare_runs
    from attrimark.studies.two_runs.two_runs_tables import as_json as as_plain
    from attrimark.studies.two_runs.two_runs_tables import sections_of

    from .telling import format_of, tell

    catalog = load_catalog()
    format_of(form, catalog)
    folders = [each for each in (before, after) if Store.is_at(Path(each))]
    if folders and not suite:
        raise click.UsageError(f"{folders[0]} is a folder of results: name the --suite that ran")
    places = [(suite, Path(each)) for each in (before, after)] if suite else [(before, store), (after, store)]
    one, other = (_run(name, where, config, catalog, of_store=suite is not None) for name, where in places)
    found = compare_runs(one, other)
    tell(Document(tuple(sections_of(found)), lambda: as_plain(found)), "json" if as_json else form, output, catalog)


def _run(suite: str, store: Path, config: Path, catalog: Catalog, of_store: bool) -> Run:
    from attrimark.results.store import Store
    from attrimark.studies.two_runs.stored_run import stored_run
    from attrimark.suite.matrix import cells_of
    from attrimark.suite.reading.suites import read_suite

    chosen = read_suite(config, suite, catalog)
    with Store.existing(store, chosen) as opened:
        return stored_run(str(store) if of_store else suite, cells_of(chosen), opened)
