"""Leaderboards as text, Markdown, HTML and JSON. `leaderboard` decides what they say, this file how."""

from __future__ import annotations

import html
import textwrap
from dataclasses import asdict
from typing import Any

from attrimark.display.characters import markdown
from attrimark.display.grid import WIDTH, Grid, fitted, tabulated
from attrimark.display.plain import plain

from .board import Leaderboard
from .board_grids import BETTER, grids
from .captions import caption, footnotes, title
from .pareto import front, unit_of_cost


def as_text(board: Leaderboard, details: bool = False) -> str:
    """For a terminal, at most 100 columns wide: a table with more columns goes on below.

    Args:
        details: also differences from random and from the best, home scores, and the score under each operator.
    """
    parts = [_wrapped(line) for line in (title(board), *caption(board))]
    for grid in grids(board, details):
        parts += ["", *([_wrapped(grid.title)] if grid.title else [])]
        parts += [tabulated(part, "simple") for part in fitted(grid)]
    return "\n".join((*parts, "", *(_wrapped(line) for line in footnotes(board))))


def as_markdown(board: Leaderboard, details: bool = False) -> str:
    """For a README or a pull request; what is better than random is bold."""
    parts = [f"### {markdown(title(board))}", *map(markdown, caption(board))]
    for grid in grids(board, details):
        header = [markdown(cell.replace("\n", " ")) for cell in grid.header]
        rows = [[markdown(method), *map(_bold_if_better, cells)] for method, *cells in grid.rows]
        parts += [f"**{markdown(grid.title)}**"] if grid.title else []
        parts.append(tabulated(Grid("", header, rows), "pipe"))
    return "\n\n".join((*parts, *map(markdown, footnotes(board, better="bold:"))))


def as_html(board: Leaderboard, details: bool = False) -> str:
    """For a notebook; every name is escaped, so that a dataset cannot bring its own markup."""
    parts = [f"<h4>{html.escape(title(board))}</h4>"]
    parts += [f"<p>{html.escape(line)}</p>" for line in caption(board)]
    for grid in grids(board, details):
        parts += [f"<p><b>{html.escape(grid.title)}</b></p>"] if grid.title else []
        parts.append(tabulated(grid, "html"))  # never "unsafehtml", which escapes nothing
    parts += [f"<p><small>{html.escape(line)}</small></p>" for line in footnotes(board)]
    return "\n".join(parts)


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


def _wrapped(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="  ")


def _bold_if_better(cell: str) -> str:
    return f"**{markdown(cell.replace(BETTER, ''))}**" if BETTER in cell else markdown(cell)
