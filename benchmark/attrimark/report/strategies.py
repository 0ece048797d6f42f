"""Strategies, quantizers and models compared, as the suite asks for it."""

from __future__ import annotations

from collections.abc import Iterator

from attrimark.document.characters import printable
from attrimark.document.figures import bars
from attrimark.document.section import Drawing, Section
from attrimark.results.model_metrics import banners
from attrimark.studies.comparisons.comparison import Findings, findings
from attrimark.studies.comparisons.figures import heat_map
from attrimark.studies.comparisons.tables import PLURAL, came_true, tables

from .report import Report


def strategies(report: Report) -> Iterator[Section]:
    """One section, with one for each factor in it; none where the suite compares nothing."""
    if report.results.suite.comparisons:
        found = findings(report.results)
        yield Section(
            "Strategies compared", sections=tuple(_factor(each, place) for place, each in enumerate(found, start=1))
        )


def _factor(found: Findings, place: int) -> Section:
    told = tuple(map(printable, map(came_true, found.judged)))
    return Section(
        printable(f"{found.held} · over {PLURAL[found.over]}"),
        answers=told,
        warnings=tuple(printable(f"{found.held}: {each}") for each in banners(found.weak)),
        sentences=told,
        sections=(
            *(Section("", grids=(grid,), notes=tuple(map(printable, grid.told))) for grid in tables(found)),
            Section("Figures", drawings=tuple(_drawings(found, place)), folded=True),
        ),
        notes=tuple(printable(f"{note}.") for note in found.notes),
    )


def _drawings(found: Findings, place: int) -> Iterator[Drawing]:
    for method in dict.fromkeys(each.method for each in found.compared):
        mine = {each.metric: each.means for each in found.compared if each.method == method}
        whose = printable(method or "the model alone")
        caption = f"{whose}: every metric by {found.over}, with its interval."
        yield Drawing(f"{found.over}-{place}-{whose}", caption, bars(mine, whose))
    for apart in found.apart:
        caption = printable(f"{apart.method}: Jensen–Shannon distances between distributions over words.")
        yield Drawing(f"{found.over}-{place}-{apart.method}-distances", caption, heat_map(apart, found.held))
