"""Leaderboards for a paper: LaTeX tables with booktabs, that compile whatever a name holds.

Names may hold any character. What is special to LaTeX is escaped; what a plain pdfLaTeX has no glyph for stands as its
code point.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from attrimark.display.grid import Grid

from .board import Leaderboard
from .board_grids import BETTER, grids
from .captions import caption, footnotes, title

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
    **{mark: rf"\{mark}" for mark in "&%$#_{}"},
}
LETTERS = set("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")  # that every font encoding has
# the letters that have a command of their name
_GREEK = set("αβγδεζηθικμνξπρστφχψω")


def as_latex(board: Leaderboard, details: bool = False, number: int = 1) -> str:
    """One `table` for each of the board's tables, to be pasted under `\\usepackage{booktabs}`; bold is better.

    Args:
        number: of the board among others of the same document, for its labels.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", title(board).lower()).strip("-")[:60]
    about = " ".join(_ended(line) for line in (title(board), *caption(board)))
    notes = list(footnotes(board, better="Bold:"))
    parts = []
    for place, grid in enumerate(grids(board, details), start=1):
        told = about if place == 1 else f"{_ended(grid.title)} {_ended(title(board))}"
        parts.append(_table(grid, told, f"tab:{slug}-{number}-{place}", notes if place == 1 else []))
    return "\n\n".join(parts)


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
    told = re.sub(r"(?<![\w}-])-(?=\d)", "$-$", latex(cell.replace(BETTER, "")))
    return rf"\textbf{{{told}}}" if BETTER in cell else told


def _ended(line: str) -> str:
    return line if line.endswith((".", ":")) else f"{line}."
