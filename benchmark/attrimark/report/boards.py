"""The leaderboards: scores, scale, costs, and quality against cost."""

from __future__ import annotations

from collections.abc import Iterator

from attrimark.document.section import Drawing, Section
from attrimark.studies.leaderboard.across_tables import sheet_of
from attrimark.studies.leaderboard.board import Leaderboard
from attrimark.studies.leaderboard.board_grids import grids
from attrimark.studies.leaderboard.captions import caption, footnotes, has_scores, title
from attrimark.studies.leaderboard.pareto import pareto
from attrimark.studies.leaderboard.standings import standings

from .answers import answer, warnings
from .report import Report


def leaderboards(report: Report) -> Iterator[Section]:
    """One section, with one for each dataset × model × chain in it, and mean ranks over several."""
    if report.boards:
        boards = tuple(_board(board, place) for place, board in enumerate(report.boards, start=1))
        yield Section("Leaderboards", sections=(*boards, *_together(report)))


def _board(board: Leaderboard, place: int) -> Section:
    said = answer(board)
    drawings = ()
    if board.first and has_scores(board):
        about = (
            f"{title(board)}: {board.first.title} against the cost of one explanation; the line joins the best choices"
        )
        drawings = (Drawing(f"cost-{place}", f"{about} at each cost.", pareto(board, board.first)),)
    shown = tuple(grids(board, details=False))
    details = tuple(grids(board, details=True))[len(shown) :]
    return Section(
        title(board),
        answers=(said,) if said else (),
        warnings=tuple(warnings(board)),
        sentences=tuple(caption(board)),
        grids=shown,
        drawings=drawings,
        notes=tuple(footnotes(board)),
        sections=(Section("Differences, p-values and scores by operator", grids=details, folded=True),)
        if details
        else (),
        filtered=True,
    )


def _together(report: Report) -> Iterator[Section]:
    """Mean ranks, where a dataset has several boards, or there are several datasets."""
    boards = [board for board in report.boards if board.columns]
    for found in standings(boards) if boards else ():
        if len(found.boards) > 1 and found.ranks:
            told = sheet_of(found).printable()
            yield Section(
                told.title,
                sentences=tuple(told.caption),
                grids=tuple(told.grids),
                notes=tuple(told.notes),
                filtered=True,
            )
