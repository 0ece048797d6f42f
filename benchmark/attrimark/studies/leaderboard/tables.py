"""What a leaderboard says as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from attrimark.document.plain import plain

from .board import Leaderboard
from .pareto import front, unit_of_cost


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
