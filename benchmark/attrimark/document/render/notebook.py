"""Sections for a notebook; every name is escaped, so that a dataset cannot bring its own markup."""

from __future__ import annotations

import html
from collections.abc import Iterable

from attrimark.document.grid import tabulated
from attrimark.document.section import Section, unfolded


def as_html(sections: Iterable[Section]) -> str:
    """All of them as a fragment of HTML."""
    return "\n".join(filter(None, map(_written, unfolded(sections))))


def _written(section: Section) -> str:
    section = section.printable()
    parts = [f"<h4>{html.escape(section.title)}</h4>"] if section.title else []
    parts += [f"<p>{html.escape(line)}</p>" for line in section.sentences]
    for grid in section.grids:
        parts += [f"<p><b>{html.escape(grid.title)}</b></p>"] if grid.title else []
        parts += [tabulated(grid, "html")] if grid.rows else []  # never "unsafehtml", which escapes nothing
        parts += [f"<p>{html.escape(line)}</p>" for line in grid.told]
    return "\n".join(parts + [f"<p><small>{html.escape(line)}</small></p>" for line in section.notes])
