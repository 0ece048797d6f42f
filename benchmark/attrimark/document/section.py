"""What is said of one thing, in words, tables and figures: every format is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from .characters import printable
from .coloured_text import ColouredText
from .grid import Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure, drawn when a format shows it.

    Attributes:
        name: of its files, where they are asked for.
        caption: what it shows, for those who see it and for those who do not.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]

    @cached_property
    def figure(self) -> Figure:
        return self.draw()


@dataclass(frozen=True)
class Listing:
    """Text to be copied as it is: a file, or a command."""

    title: str
    text: str


@dataclass(frozen=True, eq=False)
class Section:
    """One part of a document, in the order in which it is read; plain words, which each format escapes for itself.

    Attributes:
        title: what it is about; may be empty.
        answers: what it says in plain words; these open the page, and lead to it.
        warnings: what takes the meaning out of its numbers; these open the page too.
        sentences: what a reader must know before the numbers.
        grids: the tables; one without rows has nothing but its title and sentences.
        views: what the coloured texts can be seen by: the mean over seeds, then each seed.
        notes: small print below the tables.
        folded: behind a title that unfolds; formats that cannot fold leave it out.
        filtered: whether the rows of its tables can be filtered.
    """

    title: str = ""
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

    def walk(self, anchor: str = "") -> Iterator[tuple[str, Section]]:
        """Itself and all sections within, in the order of the page, each with its own anchor."""
        yield anchor, self
        for place, section in enumerate(self.sections, start=1):
            yield from section.walk(f"{anchor}-{place}")

    def printable(self) -> Section:
        """Without control characters, which could rewrite a terminal's screen."""
        lines = {name: tuple(map(printable, getattr(self, name))) for name in _LINES}
        return replace(
            self,
            title=printable(self.title),
            grids=tuple(grid.printable() for grid in self.grids),
            drawings=tuple(replace(each, caption=printable(each.caption)) for each in self.drawings),
            sections=tuple(section.printable() for section in self.sections),
            **lines,
        )


_LINES = ("answers", "warnings", "sentences", "views", "notes")


def unfolded(sections: Iterable[Section]) -> Iterator[Section]:
    """All that is in sight, in the order in which it is read, for formats of words and tables that cannot fold."""
    for section in sections:
        if section.folded:
            continue
        if section.sentences or section.grids or section.notes or not (section.drawings or section.texts):
            yield section
        yield from unfolded(section.sections)


def drawings_of(sections: Iterable[Section]) -> list[Drawing]:
    """All figures, also the folded ones."""
    return [drawing for section in sections for _, inner in section.walk() for drawing in inner.drawings]
