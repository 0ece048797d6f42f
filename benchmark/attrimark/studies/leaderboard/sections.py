"""Leaderboards in words, tables and figures: scores, scale, costs, and quality against cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from attrimark.document.section import Drawing, Section

from .across_tables import section_of as section_across
from .answers import answers, warnings
from .board import Leaderboard
from .board_grids import grids
from .captions import caption, footnotes, has_scores, title
from .pareto import pareto
from .standings import standings


def sections(boards: Sequence[Leaderboard], details: bool = False) -> Iterator[Section]:
    """One for each board that has any number or problem to show; then mean ranks over them, folded."""
    shown = [board for board in boards if board.tells]
    yield from (section_of(board, details, place) for place, board in enumerate(shown, start=1))
    scored = [board for board in shown if board.columns]
    for found in standings(scored) if scored else ():
        if len(found.boards) > 1 and found.ranks:
            title = f"Mean ranks over {found.over}: {found.title}"
            yield replace(section_across(found), title=title, folded=True, filtered=True)


def section_of(board: Leaderboard, details: bool = False, place: int = 1) -> Section:
    """Its tables, with what they rest on above and what their marks mean below.

    Args:
        details: show differences from random and from the best, home scores, and the score under each operator among
            the other tables, and not folded.
    """
    tables = tuple(grids(board, details=True))
    shown = tables if details else tuple(grids(board, details=False))
    more = tables[len(shown) :]
    return Section(
        title(board),
        answers=tuple(answers(board)),
        warnings=tuple(warnings(board)),
        sentences=tuple(caption(board)),
        grids=shown,
        drawings=tuple(_drawings(board, place)),
        notes=tuple(footnotes(board)),
        sections=(Section("Differences, p-values and scores by operator", grids=more, folded=True),) if more else (),
        filtered=True,
    )


def _drawings(board: Leaderboard, place: int) -> Iterator[Drawing]:
    if board.first and has_scores(board):
        about = f"{title(board)}: {board.first.title} against the cost of one explanation"
        caption = f"{about}; the line joins the best choices at each cost."
        yield Drawing(f"pareto {place}", caption, partial(pareto, board, board.first))
