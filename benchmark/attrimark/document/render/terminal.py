"""Sections for a terminal: at most 100 columns wide; a table with more columns goes on below."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from attrimark.document.document import Document
from attrimark.document.grid import WIDTH, fitted, tabulated
from attrimark.document.section import Section, unfolded

from .renderer import Renderer


class Terminal(Renderer):
    """Plain characters."""

    name = "table"

    def render(self, document: Document) -> str:
        return as_text(document.sections)


def as_text(sections: Iterable[Section]) -> str:
    """All of them in one text that ends without a line break."""
    return "\n\n".join(filter(None, map(_written, unfolded(sections))))


def _written(section: Section) -> str:
    section = section.printable()
    blocks = [_filled([section.title, *section.answers, *section.sentences])]
    for grid in section.grids:
        tables = [tabulated(part, "simple") for part in fitted(grid)] if grid.rows else []
        blocks += [[*_filled([grid.title]), *tables], _filled(grid.told)]
    blocks.append(_filled(section.notes))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _filled(lines: Iterable[str]) -> list[str]:
    return [textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in lines if line]
