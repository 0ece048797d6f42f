"""What is said of methods over several variants, as text, Markdown and JSON: mean ranks, and normalised scores."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Literal

from attrimark.display.characters import NO_NUMBER, count, markdown, number, printable
from attrimark.display.grid import WIDTH, Grid, fitted, tabulated
from attrimark.display.plain import plain

from .board_grids import with_half
from .model_alone import banners
from .normalised import Normalised
from .standings import FEWEST, MeanRank, Standings

Form = Literal["table", "markdown", "json"]


def as_json(found: Standings | Normalised) -> dict[str, Any]:
    """Everything as plain data, with null where there is no number."""
    return plain(asdict(found))


def as_text(found: Standings | Normalised, form: Literal["table", "markdown"] = "table") -> str:
    """For a terminal or for Markdown."""
    title, sentences, tables, notes = told(found)
    if form == "markdown":
        parts = [f"### {markdown(title)}", *map(markdown, sentences)]
        for grid in tables:
            header = [markdown(cell.replace("\n", " ")) for cell in grid.header]
            parts += [f"**{markdown(grid.title)}**"] if grid.title else []
            parts.append(tabulated(Grid("", header, [list(map(markdown, row)) for row in grid.rows]), "pipe"))
        return "\n\n".join((*parts, *map(markdown, notes)))
    parts = [*map(_wrapped, (title, *sentences))]
    for grid in tables:
        parts += ["", *([_wrapped(grid.title)] if grid.title else [])]
        parts += [tabulated(part, "simple") for part in fitted(grid)]
    return "\n".join((*parts, "", *map(_wrapped, notes)))


Said = tuple[str, Sequence[str], Sequence[Grid], Sequence[str]]


def told(found: Standings | Normalised) -> Said:
    """A title, sentences, tables, and the small print below them."""
    return _standings(found) if isinstance(found, Standings) else _normalised(found)


def _standings(found: Standings) -> Said:
    header, following = ["method"], set[int]()
    for title in found.ranks:
        following.add(len(header) + 1)
        header += [f"{printable(title)}\nmean rank", f"better\nof {_of(found, title)}"]
    methods = dict.fromkeys(method for ranks in found.ranks.values() for method in ranks)
    rows = [[printable(method), *_ranks(found, method)] for method in methods]
    told = [f"Mean ranks over {count(len(found.boards), found.over.removesuffix('s'))}: {', '.join(found.boards)}"]
    notes = [
        "1 is the best rank; tied methods share theirs. better: on how many boards the method is better than random."
    ]
    if len(found.boards) < FEWEST:
        notes.append(f"No intervals: fewer than {FEWEST} {found.over} to speak for others.")
    else:
        notes.append(f"{found.level:.0%} bootstrap intervals over the {found.over} (BCa).")
    grids = [Grid("", header, rows, frozenset(following))] if rows else []
    told += banners(found.weak)
    return printable(found.title), list(map(printable, told)), grids, [*notes, *map(printable, found.notes)]


def _of(found: Standings, title: str) -> int:
    return next((rank.of for rank in found.ranks[title].values()), 0)


def _ranks(found: Standings, method: str) -> Iterator[str]:
    for ranks in found.ranks.values():
        rank = ranks.get(method)
        yield from (NO_NUMBER, NO_NUMBER) if rank is None else (_rank(rank), str(rank.better))


def _rank(rank: MeanRank) -> str:
    ends = "" if math.isnan(rank.low) else f" [{rank.low:.2f}, {rank.high:.2f}]"
    return f"{rank.mean:.2f}{ends}"


def _normalised(found: Normalised) -> Said:
    share = f"{found.alike / found.texts:.0%}".replace("%", " %") if found.texts else NO_NUMBER
    told = (
        f"{found.alike} of {count(found.texts, 'text')} ({share}): all variants and seeds explain the same class there"
    )
    tables = []
    for title, methods in found.scores.items():
        rows = [
            [printable(method), *(number(None) if each is None else with_half(each) for each in by_variant.values())]
            for method, by_variant in methods.items()
        ]
        tables.append(Grid(printable(title), ["method", *map(printable, found.variants)], rows))
    notes = [
        "A metric that removes words is a ratio of means over texts: (reached − worst) ÷ (best − worst), by each "
        f"network's own bounds. ± half of a {found.level:.0%} interval.",
        *(f"Not shown: {reason}." for reason in found.refused.values()),
        *(f"Left out: {name}: no method has a result." for name in found.left_out),
    ]
    return printable(found.dataset), [told, *map(printable, banners(found.weak))], tables, list(map(printable, notes))


def _wrapped(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="  ")
