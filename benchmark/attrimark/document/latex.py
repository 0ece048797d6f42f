"""Tables for a paper: LaTeX with booktabs, that compiles whatever a name holds.

Names may hold any character. What is special to LaTeX is escaped; what a plain pdfLaTeX has no glyph for stands as its
code point.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from .grid import BETTER, Grid
from .sheet import Sheet

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "`": r"\char96{}",
    # after a line's end, a bracket or a star would be taken for an option of \\
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "–": "--",
    "…": r"\ldots{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "÷": r"$\div$",
    "·": r"$\cdot$",
    "→": r"$\to$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "▾": "$^{-}$",
    "•": r"$^{\bullet}$",
    "◂": r"$\triangleleft$",
    "−": "$-$",
    "²": "$^{2}$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "∞": r"$\infty$",
    **{mark: rf"\{mark}" for mark in "&%$#_{}"},
}
LETTERS = set("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")  # that every font encoding has
# the letters that have a command of their name
_GREEK = set("αβγδεζηθικμνξπρστφχψω")


def as_latex(sheets: Iterable[Sheet]) -> str:
    """One `table` for each of the tables, to be pasted under `\\usepackage{booktabs}`; bold is better.

    Sentences stand below the table that they are about, and a sheet's small print below its first. Without a table
    they are paragraphs.
    """
    return "\n\n".join(part for number, sheet in enumerate(sheets, start=1) for part in _parts(sheet, number))


def latex(text: str) -> str:
    """Any text as what LaTeX prints, on one line."""
    following = zip(text, f"{text[1:]} ", strict=False)
    # two hyphens would become a dash
    return "".join("-{}" if each == after == "-" else _character(each) for each, after in following)


def _character(each: str) -> str:
    if each in _SPECIAL:
        return _SPECIAL[each]
    if (each.isascii() and each.isprintable()) or each in LETTERS:
        return each
    if each in _GREEK:
        return f"$\\{unicodedata.name(each).split()[-1].lower()}$"
    return f"{{[}}U+{ord(each):04X}{{]}}"


def _parts(sheet: Sheet, number: int) -> Iterator[str]:
    slug = re.sub(r"[^a-z0-9]+", "-", sheet.title.lower()).strip("-")[:60] or "table"
    about, small = [sheet.title, *sheet.caption], sheet.notes
    for place, grid in enumerate(sheet.grids, start=1):
        if grid.rows:
            told = " ".join(_ended(line) for line in (grid.title, *about) if line)
            yield _table(grid, told, f"tab:{slug}-{number}-{place}", [*grid.told, *small])
            about, small = [sheet.title], ()
        else:
            yield from _paragraphs([grid.title, *grid.told])
    if not any(grid.rows for grid in sheet.grids):
        yield from _paragraphs([*about, *small])


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    return (latex(_ended(line)) for line in lines if line)


def _table(grid: Grid, about: str, label: str, notes: Sequence[str]) -> str:
    lines = [_line(_header(cell) for cell in grid.header), r"\midrule"]
    lines += [_line([latex(method), *map(_cell, cells)]) for method, *cells in grid.rows]
    below = [rf"\par\smallskip{{\footnotesize {' '.join(_ended(latex(note)) for note in notes)}\par}}"] if notes else []
    return "\n".join(
        (
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex(about)}}}",
            rf"\label{{{label}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(grid.header) - 1)}}}",
            r"\toprule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            *below,
            r"\end{table}",
        )
    )


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _header(cell: str) -> str:
    """The lines of a heading above each other."""
    lines = [latex(line) for line in cell.split("\n")]
    above = r" \\ ".join(lines)
    return above if len(lines) == 1 else rf"\shortstack[r]{{{above}}}"


def _cell(cell: str) -> str:
    """A cell with its minus signs as such, bold where it is better."""
    told = latex(re.sub(r"(?<![\w-])-(?=\d)", "−", cell.replace(BETTER, "").strip()))
    return rf"\textbf{{{told}}}" if BETTER in cell else told


def _ended(line: str) -> str:
    return line if line.endswith((".", ":")) else f"{line}."
