"""Tables for a paper: LaTeX with booktabs, that compiles whatever a name holds.

Names may hold any character. What is special to LaTeX is escaped; what a plain pdfLaTeX has no glyph for stands as its
code point.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from attrimark.document.document import Document
from attrimark.document.grid import BETTER, Grid, explained
from attrimark.document.section import Section, unfolded

from .renderer import Renderer

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
BOLD = "Bold:"  # what explains the mark of what is better
# the letters that have a command of their name
_GREEK = set("αβγδεζηθικμνξπρστφχψω")


class Latex(Renderer):
    """Tables for a paper; they need booktabs."""

    name = "latex"

    def render(self, document: Document) -> str:
        return as_latex(document.sections)


def as_latex(sections: Iterable[Section]) -> str:
    """One `table` for each of the tables, to be pasted under `\\usepackage{booktabs}`; bold is better.

    Sentences stand below the table that they are about, and a section's small print below its first. Without a table
    they are paragraphs.
    """
    numbered = enumerate(unfolded(sections), start=1)
    return "\n\n".join(part for number, section in numbered for part in _parts(section, number))


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


def _parts(section: Section, number: int) -> Iterator[str]:
    slug = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")[:60] or "table"
    about, small = [section.title, *section.sentences], explained(section.notes, BOLD)
    for place, grid in enumerate(section.grids, start=1):
        if grid.rows:
            told = " ".join(_ended(line) for line in (grid.title, *about) if line)
            yield _table(grid, told, f"tab:{slug}-{number}-{place}", [*grid.told, *small])
            about, small = [section.title], []
        else:
            yield from _paragraphs([grid.title, *grid.told])
    if not any(grid.rows for grid in section.grids):
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
