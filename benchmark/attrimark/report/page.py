"""Sections as one HTML page that needs no other file and no network, and lets nothing run but its own script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import count
from pathlib import Path

from markupsafe import Markup, escape

from attrimark import __version__
from attrimark.document.coloured_text import ColouredText
from attrimark.document.figures import save
from attrimark.document.grid import BETTER, Grid
from attrimark.document.section import Drawing, Section
from attrimark.results.scores import CONTROL
from attrimark.studies.leaderboard.board_grids import BEST, FRONT

from .opening import asked, statuses
from .report import Report
from .svg import inline_svg, settled

ENDINGS = ("svg", "pdf", "png")
# what a mark behind a number says, to those who point at it and to those who listen
MARKS = {
    BETTER: f"better than {CONTROL}",
    "▾": f"worse than {CONTROL}",
    ">": f"higher than {CONTROL}, which is neither better nor worse",
    "<": f"lower than {CONTROL}, which is neither better nor worse",
    "~": f"not told apart from {CONTROL}",
    BEST: "not told apart from the best",
    FRONT.strip(): "no method is as good for less",
}
_MARKED = re.compile(rf"(?P<cell>.*?\d)(?P<marks>(?: ?[{re.escape(''.join(MARKS))}])+)")
_NUMBER = re.compile(r"[<>+−-]?\s?[\d–∞]|invalid")


def page(report: Report, sections: Sequence[Section]) -> str:
    """The whole page. The same results give the same page: it has no date, and no name of a machine or a user."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"svg": _Numbered().svg, "marked": marked, "scores": scores, "numeric": numeric}
    style, behaviour = (_text(name) for name in ("style.css", "behaviour.js"))
    anchored = [pair for place, section in enumerate(sections, start=1) for pair in section.walk(f"s{place}")]
    return environment.from_string(_text("page.html.j2")).render(
        title=report.results.suite.title or report.results.suite.name,
        suite=report.results.suite.name,
        version=__version__,
        asked=asked(report),
        statuses=statuses(report),
        answers=[(answer, anchor) for anchor, section in anchored for answer in section.answers],
        warnings=list(dict.fromkeys(warning for _, section in anchored for warning in section.warnings)),
        sections=sections,
        policy=policy(style, behaviour),
        # our own files, which the policy names by their hashes
        style=Markup(style),
        behaviour=Markup(behaviour),
    )


def policy(style: str, behaviour: str) -> str:
    """A content security policy: this style sheet and this script, by their hashes, and nothing else.

    Images are only those inside the page (a heat map is one); nothing is fetched, sent or framed.
    """
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in (style, behaviour)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def write_figures(sections: Sequence[Section], folder: Path) -> list[Path]:
    """Every figure of the page as SVG, PDF and PNG.

    Raises:
        AttrimarkError: the folder cannot be written to.
    """
    every = [inner for section in sections for _, inner in section.walk("")]
    drawings = [drawing for section in every for drawing in section.drawings]
    return [path for drawing in drawings for path in save(settled(drawing.figure), folder, drawing.name, ENDINGS)]


# What the template asks for


def marked(cell: str) -> Markup:
    """A table's cell, with its marks explained."""
    found = _MARKED.fullmatch(cell)
    if found is None:
        return escape(cell)
    told = ", ".join(MARKS[mark] for mark in found["marks"].replace(" ", ""))
    return Markup('{}<span class="mark" title="{}">{}<span class="unseen"> {}</span></span>').format(
        found["cell"], told, found["marks"], told
    )


def numeric(grid: Grid) -> list[bool]:
    """Which columns hold numbers, to be read from the right; the first one names its rows."""
    columns = [[row[place] for row in grid.rows] for place in range(1, len(grid.header))]
    return [False, *(all(_NUMBER.match(cell) for cell in column if cell) for column in columns)]


def scores(texts: Sequence[ColouredText]) -> Markup:
    """What all views of these texts show, for the script: JSON that no text can end."""
    plain = [
        {
            "explained": text.explained,
            "rows": [{"decimals": row.decimals, "views": row.views} for row in text.rows],
        }
        for text in texts
    ]
    written = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return Markup(written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@dataclass(frozen=True)
class _Numbered:
    """Figures of one page, so that no two share an id."""

    numbers: count[int] = field(default_factory=lambda: count(1))

    def svg(self, drawing: Drawing) -> Markup:
        return Markup(inline_svg(drawing.figure, drawing.caption, f"f{next(self.numbers)}-"))


def _text(name: str) -> str:
    return files("attrimark.report").joinpath(name).read_text(encoding="utf-8")
