"""Sections for a README or a pull request; what is better is bold."""

from __future__ import annotations

from collections.abc import Iterable

from attrimark.document.characters import markdown
from attrimark.document.document import Document
from attrimark.document.grid import BETTER, Grid, explained, tabulated
from attrimark.document.section import Section, unfolded

from .renderer import Renderer

BOLD = "bold:"  # what explains the mark of what is better


class Markdown(Renderer):
    """Pipe tables."""

    name = "markdown"

    def render(self, document: Document) -> str:
        return as_markdown(document.sections)


def as_markdown(sections: Iterable[Section]) -> str:
    """All of them in one text that ends without a line break."""
    return "\n\n".join(filter(None, map(_written, unfolded(sections))))


def _written(section: Section) -> str:
    section = section.printable()
    parts = [f"### {line}" for line in _escaped([section.title])] + _escaped(section.sentences)
    for grid in section.grids:
        header = [markdown(cell.replace("\n", " ")) for cell in grid.header]
        rows = [[markdown(method), *map(_bold_if_better, cells)] for method, *cells in grid.rows]
        parts += [f"**{line}**" for line in _escaped([grid.title])]
        parts += [tabulated(Grid("", header, rows), "pipe")] if rows else []
        parts += _escaped(grid.told)
    return "\n\n".join(parts + _escaped(explained(section.notes, BOLD)))


def _escaped(lines: Iterable[str]) -> list[str]:
    return [markdown(line) for line in lines if line]


def _bold_if_better(cell: str) -> str:
    return f"**{markdown(cell.replace(BETTER, '').strip())}**" if BETTER in cell else markdown(cell)
