"""What the page is made from: a suite's results, and how much of them to show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from attrimark.results.results import Results
from attrimark.studies.leaderboard.board import Leaderboard
from attrimark.studies.leaderboard.leaderboard import leaderboards


@dataclass(frozen=True, eq=False)
class Report:
    """A suite's results, with its words.

    Attributes:
        written: the suite as its file has it.
        file: that file's name.
        texts: how many texts of each variant to show.
    """

    results: Results
    written: str
    file: str
    texts: int

    @cached_property
    def boards(self) -> list[Leaderboard]:
        """Those with any number, or any problem, to tell."""
        records = list(self.results.records.values())
        explained = any(record.specs["method"] is not None for record in records)
        made = leaderboards(records, self.results.metrics) if explained else []
        return [board for board in made if board.tells]
