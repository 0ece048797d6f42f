"""Strategies, quantizers and models compared, as the suite asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from attrimark.document.figures import bars
from attrimark.document.section import Drawing, Section
from attrimark.results.model_metrics import banners
from attrimark.suite.names import MODEL_ALONE

from .comparison import Findings
from .figures import heat_map, trends
from .tables import PLURAL, came_true, tables


def sections(found: Sequence[Findings]) -> Iterator[Section]:
    """One for each factor, and the trends over models of several settings in one figure each."""
    yield from (section_of(each, place) for place, each in enumerate(found, start=1))
    if drawings := tuple(_trends(found)):
        yield Section("Trends", drawings=drawings, folded=True)


def section_of(found: Findings, place: int = 1) -> Section:
    """One factor's tables; below them what came true of the claims about it."""
    said = tuple(map(came_true, found.judged))
    drawings = tuple(_drawings(found, place))
    return Section(
        f"{found.held} · over {PLURAL[found.over]}",
        answers=said,
        warnings=tuple(f"{found.held}: {each}" for each in banners(found.weak)),
        sentences=tuple(banners(found.weak)),
        grids=tuple(tables(found)),
        notes=(*said, *(f"{note}." for note in found.notes)),
        sections=(Section("Figures", drawings=drawings, folded=True),) if drawings else (),
    )


def _trends(found: Sequence[Findings]) -> Iterator[Drawing]:
    ordered = [each for each in found if each.against]
    for against in dict.fromkeys(each.against or "" for each in ordered):
        mine = [each for each in ordered if each.against == against]
        for method in dict.fromkeys(column.method for each in mine for column in each.compared):
            name = f"{method or 'model'} against {against}"
            caption = f"{method or MODEL_ALONE}: every metric against {against}."
            yield Drawing(name, caption, partial(trends, mine, method, against))


def _drawings(found: Findings, place: int) -> Iterator[Drawing]:
    if found.against:
        return
    for method in dict.fromkeys(each.method for each in found.compared):
        mine = {each.metric: each.means for each in found.compared if each.method == method}
        whose = method or MODEL_ALONE
        caption = f"{whose}: every metric by {found.over}, with its interval."
        name, title = f"{place} {found.over} {method or 'model'} metrics", f"{found.held}: {whose}"
        yield Drawing(name, caption, partial(bars, mine, title))
    for apart in found.apart:
        caption = f"{apart.method}: Jensen–Shannon distances between distributions over words."
        name = f"{place} {found.over} {apart.method} distances"
        yield Drawing(name, caption, partial(heat_map, apart, found.held))
