"""What the page is made of: every analysis contributes sections of sentences, tables and figures in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .coloured_text import ColouredText
from .grid import Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure.

    Attributes:
        name: of its files, where they are asked for.
        caption: what it shows, for those who see it and for those who do not.
    """

    name: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Listing:
    """Text to be copied as it is: a file, or a command."""

    title: str
    text: str


@dataclass(frozen=True, eq=False)
class Section:
    """One part of the page, in the order in which it is read.

    Attributes:
        answers: what it says in plain words; these open the page, and lead to it.
        warnings: what takes the meaning out of its numbers; these open the page too.
        views: what the coloured texts can be seen by: the mean over seeds, then each seed.
        notes: small print below the tables.
        folded: behind a title that unfolds.
        filtered: whether the rows of its tables can be filtered.
    """

    title: str
    answers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    views: tuple[str, ...] = ()
    texts: tuple[ColouredText, ...] = ()
    listings: tuple[Listing, ...] = ()
    notes: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    folded: bool = False
    filtered: bool = False

    def walk(self, anchor: str) -> Iterator[tuple[str, Section]]:
        """Itself and all sections within, in the order of the page, each with its own anchor."""
        yield anchor, self
        for place, section in enumerate(self.sections, start=1):
            yield from section.walk(f"{anchor}-{place}")
