"""Whether the verdicts survive the choices behind them, where the suite keeps what that takes."""

from __future__ import annotations

from collections.abc import Iterator

from attrimark.document.characters import printable
from attrimark.document.section import Drawing, Section
from attrimark.studies.multiverse.figures import drawn
from attrimark.studies.multiverse.multiverse import Multiverse, multiverses
from attrimark.studies.multiverse.tables import caption, footnotes, grids, says

from .report import Report


def choices(report: Report) -> Iterator[Section]:
    """One section, with one for each dataset × model × chain in it; none where the suite names no choices.

    Raises:
        AttrimarkError: the outputs that this takes were not kept yet.
    """
    if report.results.suite.multiverse is not None:
        found = multiverses(report.results)
        yield Section(
            "Other choices", sections=tuple(_of_board(each, place) for place, each in enumerate(found, start=1))
        )


def _of_board(found: Multiverse, place: int) -> Section:
    name, *told = map(printable, caption(found))
    by_metric = {metric: [each for each in found.curves if each.metric == metric] for metric in found.ranked}
    drawings = []
    for number, curve in enumerate(found.curves, start=1):
        about = printable(f"{curve.metric}, {curve.a} minus {curve.b}: every analysis, and the choices it made.")
        drawings.append(Drawing(f"choices-{place}-{number}", about, drawn(curve, name)))
    return Section(
        name,
        sentences=(*told, *(printable(f"{each.metric}: {says(each)}") for each in found.curves)),
        grids=tuple(grid for metric, curves in by_metric.items() for grid in grids(metric, curves)),
        notes=tuple(map(printable, footnotes(found))),
        sections=(Section("Every analysis", drawings=tuple(drawings), folded=True),),
        filtered=True,
    )
