"""Two runs side by side, in words and tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from attrimark.document.characters import amount, count, number, p_value, percent
from attrimark.document.estimates import with_ends
from attrimark.document.grid import BETTER, Grid
from attrimark.document.plain import plain
from attrimark.document.section import Section
from attrimark.results.model_metrics import banners
from attrimark.statistics.intervals import CROSSED, FEWEST_SEEDS

from .two_runs import Change, PlaceCompared, TwoRuns

_VERDICTS = {"better": f"better {BETTER}", "worse": "worse ▾", "tie": "not told apart"}


def as_json(found: TwoRuns) -> dict[str, Any]:
    """Everything as plain data, with null where there is no number."""
    places = [
        {**asdict(each), "place": {**asdict(each.place), "setting": dict(each.place.setting)}} for each in found.places
    ]
    return plain({**asdict(found), "places": places})


def sections_of(found: TwoRuns) -> Iterator[Section]:
    """Which runs, place by place what moved, and what holds for all; B − A is the second run minus the first."""
    yield Section(f"A: {found.names[0]} · B: {found.names[1]}")
    for place in found.places:
        yield Section(str(place.place), sentences=tuple(_caption(place)), grids=tuple(_grids(place)), notes=place.notes)
    yield Section(notes=tuple(_footnotes(found)))


def _caption(place: PlaceCompared) -> Iterator[str]:
    setting = [f"{name} {value}" for name, value in place.place.setting if value is not None]
    yield " · ".join((count(place.texts, "text"), count(len(place.seeds), "seed"), *setting))
    yield from banners(dict(zip(("A", "B"), place.accuracies, strict=True)))
    if len(place.seeds) < FEWEST_SEEDS:
        yield f"With fewer than {FEWEST_SEEDS} seeds in both runs, differences speak for these checkpoints only."
    if place.texts == 1:
        yield "One text only: no interval and no verdict."
    if place.identical:
        yield f"The very same cells in both runs: {', '.join(place.identical)}."


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
            told = [number(each.before), number(each.after), with_ends(each.difference), verdict]
            rows.append([each.method, *told, *chance, p_value(each.p), number(each.effect)])
        yield Grid(metric, header, rows)
    if place.spends:
        rows = [
            [
                method,
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
        yield from (f"Only in {name}: {line}" for line in lines)
    yield from (f"Differs: {line}" for line in found.differs)
