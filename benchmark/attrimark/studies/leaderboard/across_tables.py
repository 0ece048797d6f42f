"""What is said of methods over several variants, in words and tables and as JSON: mean ranks, normalised scores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from attrimark.document.characters import NO_NUMBER, count, number
from attrimark.document.estimates import with_half
from attrimark.document.grid import Grid
from attrimark.document.plain import plain
from attrimark.document.section import Section
from attrimark.results.model_metrics import banners

from .normalised import Normalised
from .standings import FEWEST, MeanRank, Standings


def as_json(found: Standings | Normalised) -> dict[str, Any]:
    """Everything as plain data, with null where there is no number."""
    return plain(asdict(found))


def section_of(found: Standings | Normalised) -> Section:
    """The table over all variants, with what it rests on."""
    return _standings(found) if isinstance(found, Standings) else _normalised(found)


def _standings(found: Standings) -> Section:
    header, following = ["method"], set[int]()
    for title in found.ranks:
        following.add(len(header) + 1)
        header += [f"{title}\nmean rank", f"better\nof {_of(found, title)}"]
    methods = dict.fromkeys(method for ranks in found.ranks.values() for method in ranks)
    rows = [[method, *_ranks(found, method)] for method in methods]
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
    return Section(found.title, sentences=tuple(told), grids=tuple(grids), notes=(*notes, *found.notes))


def _of(found: Standings, title: str) -> int:
    return next((rank.of for rank in found.ranks[title].values()), 0)


def _ranks(found: Standings, method: str) -> Iterator[str]:
    for ranks in found.ranks.values():
        rank = ranks.get(method)
        yield from (NO_NUMBER, NO_NUMBER) if rank is None else (_rank(rank), str(rank.better))


def _rank(rank: MeanRank) -> str:
    ends = "" if math.isnan(rank.low) else f" [{rank.low:.2f}, {rank.high:.2f}]"
    return f"{rank.mean:.2f}{ends}"


def _normalised(found: Normalised) -> Section:
    share = f"{found.alike / found.texts:.0%}".replace("%", " %") if found.texts else NO_NUMBER
    told = (
        f"{found.alike} of {count(found.texts, 'text')} ({share}): all variants and seeds explain the same class there"
    )
    tables = []
    for title, methods in found.scores.items():
        rows = [
            [method, *(number(None) if each is None else with_half(each) for each in by_variant.values())]
            for method, by_variant in methods.items()
        ]
        tables.append(Grid(title, ["method", *found.variants], rows))
    notes = [
        "A metric that removes words is a ratio of means over texts: (reached − worst) ÷ (best − worst), by each "
        f"network's own bounds. ± half of a {found.level:.0%} interval.",
        *(f"Not shown: {reason}." for reason in found.refused.values()),
        *(f"Left out: {name}: no method has a result." for name in found.left_out),
    ]
    return Section(found.dataset, sentences=(told, *banners(found.weak)), grids=tuple(tables), notes=tuple(notes))
