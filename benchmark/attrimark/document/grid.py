"""A table of cells as characters: folded, and split where it is wider than a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from tabulate import tabulate

from .characters import printable

WIDTH = 100  # columns of a terminal
BETTER = "*"  # in a cell: what stands there is better; bold, where a form has bold
_FIRST_WIDTH = 40
_HEADER_WIDTH = 14


@dataclass(frozen=True)
class Grid:
    """A table to be: a title, a header and rows of cells, the method first.

    Attributes:
        following: places of columns that say more of the one before, and stay beside it.
        told: sentences about it.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    following: frozenset[int] = frozenset()
    told: Sequence[str] = ()

    def printable(self) -> Grid:
        """Without control characters, but for the line breaks of headings."""
        header = ["\n".join(map(printable, cell.split("\n"))) for cell in self.header]
        rows = [list(map(printable, row)) for row in self.rows]
        return replace(
            self, title=printable(self.title), header=header, rows=rows, told=tuple(map(printable, self.told))
        )


def explained(notes: Sequence[str], better: str) -> list[str]:
    """Small print, where what is better is marked in another way: a note that opens with the mark explains it."""
    return [f"{better}{note.removeprefix(BETTER)}" if note.startswith(f"{BETTER} ") else note for note in notes]


def tabulated(grid: Grid, form: str) -> str:
    align = ("left", *["right"] * (len(grid.header) - 1))
    rows, header = list(map(list, grid.rows)), list(grid.header)
    return tabulate(rows, header, tablefmt=form, disable_numparse=True, colalign=align if rows else None)


def fitted(grid: Grid) -> Iterator[Grid]:
    """The same table in as many parts as the terminal's width asks for, each with the method's column."""
    lines = [[textwrap.fill(row[0], _FIRST_WIDTH), *row[1:]] for row in grid.rows]
    header = [_folded(cell) for cell in grid.header]
    # tabulate pads a header by two
    widths = [max(_width(name) + 2, *map(_width, cells)) for name, *cells in zip(header, *lines, strict=True)]
    part, used = [0], widths[0]
    for places in _together(grid):
        width = sum(2 + widths[place] for place in places)
        if used + width > WIDTH and len(part) > 1:
            yield _chosen(grid.title, header, lines, part)
            part, used = [0], widths[0]
        part += places
        used += width
    yield _chosen(grid.title, header, lines, part)


def _together(grid: Grid) -> Iterator[list[int]]:
    """The places of the columns after the first, each with those that stay beside it."""
    places: list[int] = []
    for place in range(1, len(grid.header)):
        if places and place not in grid.following:
            yield places
            places = []
        places.append(place)
    if places:
        yield places


def _chosen(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], places: list[int]) -> Grid:
    kept = [[line[place] for place in places] for line in (header, *rows)]
    return Grid(title, kept[0], kept[1:])


def _folded(name: str) -> str:
    """A header broken between words, and within a word only where it is longer than any method may be."""
    parts = [textwrap.wrap(line, _HEADER_WIDTH, break_long_words=False) for line in name.split("\n")]
    return "\n".join(textwrap.fill(part, _FIRST_WIDTH) for part in chain.from_iterable(parts))


def _width(cell: str) -> int:
    return max(map(len, cell.split("\n")))
