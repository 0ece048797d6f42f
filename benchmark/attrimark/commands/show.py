"""Leaderboards of a suite's cells, printed as the user asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import click

from attrimark.leaderboard import leaderboards
from attrimark.matrix import Cell
from attrimark.run import judgements_of
from attrimark.store import Store
from attrimark.tables import as_json as board_as_json
from attrimark.tables import as_markdown, as_text

Format = Literal["table", "markdown"]


def show(
    cells: Sequence[Cell],
    store: Store,
    *,
    as_json: bool = False,
    format: Format = "table",
    metric: str | None = None,
    details: bool = False,
) -> None:
    """Print one leaderboard for each dataset × model × chain.

    Args:
        metric: show this metric only (by its name).
    """
    metrics = {digest: each for digest, each in judgements_of(cells).items() if metric in (None, each.name, str(each))}
    if not metrics:
        known = ", ".join(sorted({str(each) for each in judgements_of(cells).values()}))
        raise click.UsageError(f'no metric named "{metric}" in this suite; it has {known}')
    boards = leaderboards(list(store.records(cell.id for cell in cells).values()), metrics)
    if as_json:
        click.echo(json.dumps([board_as_json(board) for board in boards], indent=2, ensure_ascii=False))
        return
    for board in boards:
        click.echo(as_markdown(board) if format == "markdown" else as_text(board, details=details))
        click.echo()
