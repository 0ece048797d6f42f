"""`attrimark leaderboard`: the tables of what has been run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from . import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attrimark.results.results import Results
    from attrimark.studies.leaderboard.board import Leaderboard
    from attrimark.studies.leaderboard.forms import Form
    from attrimark.studies.leaderboard.normalised import Normalised
    from attrimark.studies.leaderboard.standings import Standings


@click.command()
@options.suite
@options.config
@options.store
@click.option("--metric", help="Show this metric only.")
@click.option(
    "--across", type=click.Choice(["ranks", "scores"]),
    help="One row a method over all variants of a dataset: mean ranks, or normalised scores side by side.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(["table", "markdown", "csv", "json", "latex"]), default="table",
    show_default=True, help="csv: one line for each method and metric; latex: needs booktabs.",
)  # fmt: skip
@options.output
@click.option("--details", is_flag=True, help="Also p-values, effect sizes, home scores and each removal operator's.")
@click.option(
    "--figures", type=click.Path(path_type=Path), help="Draw word scores, and quality against cost, into this folder."
)
@options.as_json
def command(
    suite: str,
    config: Path,
    store: Path,
    metric: str | None,
    across: Literal["ranks", "scores"] | None,
    form: Form,
    output: Path | None,
    details: bool,
    figures: Path | None,
    as_json: bool,
) -> None:
    """Print the leaderboards of SUITE from stored results; nothing is computed.

    Exit code 5 where nothing was run yet, or no single explanation is judged.
    """
    from attrimark_registry.catalog import load_catalog

    from attrimark.results.results import Results
    from attrimark.results.store import Store
    from attrimark.studies.leaderboard.across_tables import as_json as across_as_json
    from attrimark.studies.leaderboard.across_tables import sheet_of
    from attrimark.studies.leaderboard.forms import rendered
    from attrimark.studies.leaderboard.narrowed import narrowed
    from attrimark.suite.matrix import cells_of
    from attrimark.suite.reading.suites import read_suite

    from .columns import check_column
    from .show import draw
    from .telling import put, tell

    form = "json" if as_json else form
    chosen = read_suite(config, suite, load_catalog())
    if metric:
        check_column(metric, cells_of(chosen))
    with Store.existing(store, chosen) as opened:
        results = Results(chosen, opened)
        boards = _telling(results)
        if not across:
            put(rendered(narrowed(boards, metric) if metric else boards, form, details), output)
        elif form == "csv":
            raise click.UsageError("--across is written as table, markdown, latex or json")
        else:
            found = _across(boards, results, metric, across)
            tell(map(sheet_of, found), list(map(across_as_json, found)), form, output)
        if figures:
            draw(results, figures)


def _telling(results: Results) -> list[Leaderboard]:
    """The leaderboards, judged by all metrics of the suite.

    Raises:
        Nothing: none of them has anything to tell; the message names what has.
    """
    from attrimark.results.nothing import Nothing

    from .columns import nothing_to_show
    from .show import boards_of

    boards = boards_of(results)
    if not any(board.tells for board in boards):
        raise Nothing(nothing_to_show(results))
    return boards


def _across(
    boards: Sequence[Leaderboard],
    results: Results,
    metric: str | None,
    across: Literal["ranks", "scores"],
) -> Sequence[Standings | Normalised]:
    from attrimark.studies.leaderboard.normalised import normalised
    from attrimark.studies.leaderboard.standings import standings

    if across == "ranks":
        return standings(boards, metric=metric)
    return normalised(
        list(results.records.values()),
        results.metrics,
        lambda record: {each.example.id: each.explained for each in results.attributions(record)},
        metric=metric,
    )
