"""Two runs side by side, as text, Markdown and JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Literal

from attrimark.display.characters import amount, count, markdown, number, p_value, percent, printable
from attrimark.display.grid import WIDTH, Grid, fitted, tabulated
from attrimark.display.plain import plain
from attrimark.statistics.intervals import CROSSED, FEWEST_SEEDS

from .board_grids import interval
from .model_alone import banners
from .two_runs import Change, PlaceCompared, TwoRuns

_VERDICTS = {"better": "better *", "worse": "worse ▾", "tie": "not told apart"}


def as_json(found: TwoRuns) -> dict[str, Any]:
    """Everything as plain data, with null where there is no number."""
    places = [
        {**asdict(each), "place": {**asdict(each.place), "setting": dict(each.place.setting)}} for each in found.places
    ]
    return plain({**asdict(found), "places": places})


def as_text(found: TwoRuns, form: Literal["table", "markdown"] = "table") -> str:
    """For a terminal or for Markdown; B − A is the second run minus the first."""
    parts = [_heading(f"A: {found.names[0]} · B: {found.names[1]}", form)]
    for place in found.places:
        parts.append(_heading(str(place.place), form))
        parts += [_line(line, form) for line in _caption(place)]
        for grid in _grids(place):
            parts.append(_line(grid.title, form) if form == "table" else f"**{markdown(grid.title)}**")
            parts += _tabulated(grid, form)
        parts += [_line(printable(note), form) for note in place.notes]
    parts += [_line(line, form) for line in _footnotes(found)]
    return "\n\n".join(parts)


def _caption(place: PlaceCompared) -> Iterator[str]:
    setting = [f"{name} {value}" for name, value in place.place.setting if value is not None]
    yield printable(" · ".join((count(place.texts, "text"), count(len(place.seeds), "seed"), *setting)))
    yield from banners(dict(zip(("A", "B"), place.accuracies, strict=True)))
    if len(place.seeds) < FEWEST_SEEDS:
        yield f"With fewer than {FEWEST_SEEDS} seeds in both runs, differences speak for these checkpoints only."
    if place.texts == 1:
        yield "One text only: no interval and no verdict."
    if place.identical:
        yield printable(f"The very same cells in both runs: {', '.join(place.identical)}.")


def _grids(place: PlaceCompared) -> Iterator[Grid]:
    by_metric: dict[str, list[Change]] = {}
    for change in place.changes:
        by_metric.setdefault(change.metric, []).append(change)
    for metric, changes in by_metric.items():
        next_seed = any(change.next_seed is not None for change in changes)
        header = ["method", "A", "B", "B − A", "", *(["next\nseed"] if next_seed else []), "p", "d_z"]
        rows = []
        for each in changes:
            chance = [percent(each.next_seed)] if next_seed else []
            verdict = "the same" if each.method in place.identical else _VERDICTS.get(each.verdict, each.verdict)
            told = [number(each.before), number(each.after), interval(each.difference), verdict]
            rows.append([printable(each.method), *told, *chance, p_value(each.p), number(each.effect)])
        yield Grid(printable(metric), header, rows)
    if place.spends:
        rows = [
            [
                printable(method),
                *(
                    f"{amount(one)} → {amount(other)}"
                    for one, other in (
                        (before.passes, after.passes),
                        (before.tokens, after.tokens),
                        (before.gflops, after.gflops),
                    )
                ),
            ]
            for method, (before, after) in place.spends.items()
        ]
        yield Grid("Cost of one explanation, computed alone", ["method", "passes", "tokens", "GFLOP"], rows)


def _footnotes(found: TwoRuns) -> Iterator[str]:
    changes = [change for place in found.places for change in place.changes]
    level = found.places[0].level
    yield (
        f"B − A on the same seeds, texts and operators, away from the method's own; intervals hold together at "
        f"{level:.0%} over the comparisons of a place (max-T over methods, Bonferroni over metrics)."
    )
    if any(change.next_seed is not None for change in changes):
        yield "next seed: the probability that a network trained with one more seed shows the same sign on new texts."
    if any(change.difference.method == CROSSED for change in changes):
        yield "Intervals speak for new seeds and new texts."
    for name, lines in zip(found.names, (found.only_before, found.only_after), strict=True):
        yield from (printable(f"Only in {name}: {line}") for line in lines)
    yield from (printable(f"Differs: {line}") for line in found.differs)


def _heading(text: str, form: Literal["table", "markdown"]) -> str:
    return f"### {markdown(printable(text))}" if form == "markdown" else _line(printable(text), form)


def _line(text: str, form: Literal["table", "markdown"]) -> str:
    return markdown(text) if form == "markdown" else textwrap.fill(text, WIDTH, subsequent_indent="  ")


def _tabulated(grid: Grid, form: Literal["table", "markdown"]) -> list[str]:
    if form == "table":
        return [tabulated(part, "simple") for part in fitted(grid)]
    header = [markdown(cell.replace("\n", " ")) for cell in grid.header]
    return [tabulated(Grid("", header, [list(map(markdown, row)) for row in grid.rows]), "pipe")]
