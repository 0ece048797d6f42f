"""What the page is made from: a suite and what is stored of it, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from attrimark_registry.attribution import Record

from attrimark.leaderboards.board import Leaderboard
from attrimark.leaderboards.leaderboard import leaderboards
from attrimark.matrix import Cell, cells_of
from attrimark.run import judgements_of
from attrimark.store import Store
from attrimark.suite import Suite


@dataclass(frozen=True, eq=False)
class Results:
    """A suite with its outcomes.

    Attributes:
        written: the suite as its file has it.
        file: that file's name.
        texts: how many texts of each variant to show.
    """

    suite: Suite
    store: Store
    written: str
    file: str
    texts: int

    @cached_property
    def cells(self) -> list[Cell]:
        return cells_of(self.suite)

    @cached_property
    def records(self) -> Mapping[str, Record]:
        """By cell, those that have an outcome."""
        return self.store.records(cell.id for cell in self.cells)

    @cached_property
    def boards(self) -> list[Leaderboard]:
        """Those with any number, or any problem, to tell."""
        methods = [record for record in self.records.values() if record.specs["method"] is not None]
        made = leaderboards(list(self.records.values()), judgements_of(self.cells)) if methods else []
        return [board for board in made if board.tells]
