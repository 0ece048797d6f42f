"""What is said of one thing, in words and tables: of it every form is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .characters import printable
from .grid import Grid


@dataclass(frozen=True)
class Sheet:
    """Plain words, which each form escapes for itself.

    Attributes:
        title: what it is about; may be empty.
        caption: what a reader must know before the numbers.
        grids: the tables; one without rows has nothing but its title and sentences.
        notes: the small print.
    """

    title: str = ""
    caption: Sequence[str] = ()
    grids: Sequence[Grid] = ()
    notes: Sequence[str] = ()

    def printable(self) -> Sheet:
        """Without control characters, which could rewrite a terminal's screen."""
        caption, notes = (tuple(map(printable, lines)) for lines in (self.caption, self.notes))
        return Sheet(printable(self.title), caption, tuple(grid.printable() for grid in self.grids), notes)
