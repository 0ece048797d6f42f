"""What a leaderboard says in words and tables, and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from attrimark.document.grid import BETTER
from attrimark.document.plain import plain
from attrimark.document.sheet import Sheet

from .board import Leaderboard
from .board_grids import grids
from .captions import caption, footnotes, title
from .pareto import front, unit_of_cost


def sheet_of(board: Leaderboard, details: bool = False, better: str = BETTER) -> Sheet:
    """Its tables, with what they rest on above and what their marks mean below.

    Args:
        details: also differences from random and from the best, home scores, and the score under each operator.
        better: how the form marks what is better.
    """
    return Sheet(
        title(board), tuple(caption(board)), tuple(grids(board, details)), tuple(footnotes(board, better=better))
    )


def as_json(board: Leaderboard) -> dict[str, Any]:
    """Everything of a board as plain data, with null where there is no number."""
    return {
        **plain(asdict(board)),
        "accuracy": board.accuracy,
        "weak": board.weak,
        "not_measurable": {column.digest: list(column.not_measurable) for column in board.columns},
        "fronts": {column.digest: list(front(board, column)) for column in board.columns},
        "unit_of_cost": unit_of_cost(board),
    }
