"""Whether the verdicts survive the choices behind them, where the suite keeps what that takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from attrimark.document.grid import Grid
from attrimark.document.section import Drawing, Section
from attrimark.suite.names import cell_name

from .figures import drawn
from .multiverse import Multiverse
from .tables import caption, footnotes, grids, says


def sections(found: Sequence[Multiverse]) -> Iterator[Section]:
    """One for each dataset × model × chain."""
    return (section_of(each, place) for place, each in enumerate(found, start=1))


def section_of(multiverse: Multiverse, place: int = 1) -> Section:
    """Tables by metric, a sentence or two for each pair of methods, and every analysis as a figure."""
    title, *about = caption(multiverse)
    tables: list[Grid] = []
    for metric in multiverse.ranked:
        mine = [each for each in multiverse.curves if each.metric == metric]
        if mine:
            verdicts, by_level = grids(metric, mine)
            tables += [verdicts, replace(by_level, told=[f"{metric}: {says(each)}" for each in mine])]
        else:
            tables.append(Grid("", (), (), told=[f"{metric}: there are no two methods to compare."]))
    drawings = tuple(_drawings(multiverse, place))
    return Section(
        title,
        sentences=tuple(about),
        grids=tuple(tables),
        notes=tuple(footnotes(multiverse)),
        sections=(Section("Every analysis", drawings=drawings, folded=True),) if drawings else (),
        filtered=True,
    )


def _drawings(multiverse: Multiverse, place: int) -> Iterator[Drawing]:
    for curve in multiverse.curves:
        about = f"{curve.metric}, {curve.a} minus {curve.b}: every analysis, and the choices it made."
        name = f"{place} {curve.metric} {curve.a} against {curve.b}"
        yield Drawing(name, about, partial(drawn, curve, cell_name(multiverse.dataset, multiverse.model)))
