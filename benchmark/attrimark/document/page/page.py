"""Sections as one HTML page that needs no other file and no network, and lets nothing run but its own script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from itertools import count

from markupsafe import Markup, escape

from attrimark import __version__
from attrimark.document.coloured_text import ColouredText
from attrimark.document.grid import Grid
from attrimark.document.section import Drawing, Section

from .svg import inline_svg

_NUMBER = re.compile(r"[<>+−-]?\s?[\d–∞]|invalid")


@dataclass(frozen=True)
class Heading:
    """How the page begins.

    Attributes:
        facts: what was asked and run, by name.
        marks: what a mark behind a number says, to those who point at it and to those who listen.
    """

    title: str
    suite: str
    facts: Mapping[str, str]
    marks: Mapping[str, str]


def page(heading: Heading, sections: Sequence[Section]) -> str:
    """The whole page. The same results give the same page: it has no date, and no name of a machine or a user."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    explain = partial(marked, marks=heading.marks)
    environment.filters |= {"svg": _Numbered().svg, "marked": explain, "scores": scores, "numeric": numeric}
    style, behaviour = (_text(name) for name in ("style.css", "behaviour.js"))
    sections = [section.printable() for section in sections]
    anchored = [pair for place, section in enumerate(sections, start=1) for pair in section.walk(f"s{place}")]
    return environment.from_string(_text("page.html.j2")).render(
        title=heading.title,
        suite=heading.suite,
        version=__version__,
        facts=heading.facts,
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


# What the template asks for


def marked(cell: str, marks: Mapping[str, str]) -> Markup:
    """A table's cell, with its marks explained."""
    pattern = rf"(?P<cell>.*?\d)(?P<marks>(?: ?[{re.escape(''.join(marks))}])+)" if marks else "(?!)"
    found = re.fullmatch(pattern, cell)
    if found is None:
        return escape(cell)
    told = ", ".join(marks[mark] for mark in found["marks"].replace(" ", ""))
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
    return files("attrimark.document.page").joinpath(name).read_text(encoding="utf-8")
