"""Leaderboards that show one metric, and judge it as the whole tables do.

The verdicts of a table hold together, over all of its metrics: were the others left out before they are made, one
method could be better than random in one table and not in another one of the same results.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from attrimark.document.characters import count

from .board import Leaderboard
from .leaderboard import best_first


def narrowed(boards: Iterable[Leaderboard], metric: str) -> list[Leaderboard]:
    """Those that have a metric of this name, with no other column, sorted by it; and those without any column.

    Args:
        metric: as it is named, whatever its options, or as tables show it.
    """
    return [_narrowed(board, metric) for board in boards if not board.columns or board.shows(metric)]


def _narrowed(board: Leaderboard, metric: str) -> Leaderboard:
    columns = board.shows(metric)
    digests = [column.digest for column in columns]
    rows = tuple(
        replace(row, scores={digest: row.scores[digest] for digest in digests if digest in row.scores})
        for row in board.rows
    )
    hidden = len(board.columns) - len(columns)
    notes = (f"Verdicts are those of the whole table; not shown: {count(hidden, 'metric')}.",) if hidden else ()
    return best_first(replace(board, columns=columns, rows=rows, notes=(*board.notes, *notes)))
