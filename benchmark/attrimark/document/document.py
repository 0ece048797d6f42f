"""What a study found, as sections for people and as data for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .finding import Finding
from .section import Section, unfolded


@dataclass(frozen=True, eq=False)
class Document:
    """What a format is made of.

    Attributes:
        data: makes the same as plain values that JSON can hold.
        rows: makes the same in long format, one value or method a row; None for what the tables show, cell by cell.
        findings: makes what was checked, for build servers.
        name: of the whole, where a format needs one.
    """

    sections: tuple[Section, ...]
    data: Callable[[], Any] = list
    rows: Callable[[], Sequence[Mapping[str, Any]] | None] = lambda: None
    findings: Callable[[], Sequence[Finding]] = tuple
    name: str = ""

    def long_format(self) -> Iterator[Mapping[str, Any]]:
        """All rows, each with the same keys."""
        rows = self.rows()
        if rows is not None:
            yield from rows
            return
        for section in unfolded(self.sections):
            for grid in section.grids:
                header = [" ".join(cell.split("\n")) for cell in grid.header]
                for first, *cells in grid.rows:
                    for column, value in zip(header[1:], cells, strict=True):
                        named = {"section": section.title, "table": grid.title, "row": first}
                        yield {**named, "column": column, "value": value}
