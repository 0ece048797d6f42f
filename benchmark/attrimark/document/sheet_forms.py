"""How a sheet is written: for a terminal, as Markdown, as HTML and as LaTeX."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable
from typing import Literal

from .characters import markdown
from .grid import BETTER, WIDTH, Grid, fitted, tabulated
from .latex import as_latex
from .sheet import Sheet

Form = Literal["table", "markdown", "latex"]


def rendered(sheets: Iterable[Sheet], form: Form = "table") -> str:
    """All of them in one text that ends without a line break."""
    if form == "latex":
        return as_latex(sheets)
    write = as_markdown if form == "markdown" else as_text
    return "\n\n".join(filter(None, map(write, sheets)))


def as_text(sheet: Sheet) -> str:
    """For a terminal, at most 100 columns wide: a table with more columns goes on below."""
    sheet = sheet.printable()
    blocks = [_folded([sheet.title, *sheet.caption])]
    for grid in sheet.grids:
        tables = [tabulated(part, "simple") for part in fitted(grid)] if grid.rows else []
        blocks += [[*_folded([grid.title]), *tables], _folded(grid.told)]
    blocks.append(_folded(sheet.notes))
    return "\n\n".join("\n".join(block) for block in blocks if block)


def as_markdown(sheet: Sheet) -> str:
    """For a README or a pull request; what is better is bold."""
    sheet = sheet.printable()
    parts = [f"### {line}" for line in _escaped([sheet.title])] + _escaped(sheet.caption)
    for grid in sheet.grids:
        header = [markdown(cell.replace("\n", " ")) for cell in grid.header]
        rows = [[markdown(method), *map(_bold_if_better, cells)] for method, *cells in grid.rows]
        parts += [f"**{line}**" for line in _escaped([grid.title])]
        parts += [tabulated(Grid("", header, rows), "pipe")] if rows else []
        parts += _escaped(grid.told)
    return "\n\n".join(parts + _escaped(sheet.notes))


def as_html(sheet: Sheet) -> str:
    """For a notebook; every name is escaped, so that a dataset cannot bring its own markup."""
    sheet = sheet.printable()
    parts = [f"<h4>{html.escape(sheet.title)}</h4>"] if sheet.title else []
    parts += [f"<p>{html.escape(line)}</p>" for line in sheet.caption]
    for grid in sheet.grids:
        parts += [f"<p><b>{html.escape(grid.title)}</b></p>"] if grid.title else []
        parts += [tabulated(grid, "html")] if grid.rows else []  # never "unsafehtml", which escapes nothing
        parts += [f"<p>{html.escape(line)}</p>" for line in grid.told]
    return "\n".join(parts + [f"<p><small>{html.escape(line)}</small></p>" for line in sheet.notes])


def _folded(lines: Iterable[str]) -> list[str]:
    return [textwrap.fill(line, WIDTH, subsequent_indent="  ") for line in lines if line]


def _escaped(lines: Iterable[str]) -> list[str]:
    return [markdown(line) for line in lines if line]


def _bold_if_better(cell: str) -> str:
    return f"**{markdown(cell.replace(BETTER, '').strip())}**" if BETTER in cell else markdown(cell)
