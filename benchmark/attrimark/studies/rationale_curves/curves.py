"""Metrics that judge rationales of several lengths, as curves: read from the points kept beside their values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from attrimark_registry.attribution import Record

from attrimark.document.characters import better
from attrimark.document.figures import COLOURS
from attrimark.document.section import Drawing, Section
from attrimark.document.titles import set_panel_title, set_title, verbatim
from attrimark.results.packed import rows_of
from attrimark.results.results import Results
from attrimark.results.scores import operators_of, scores
from attrimark.suite.matrix import Cell, by_variant, named
from attrimark.suite.names import cell_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINT = "at "  # how a diagnostic is called that is a point: "at 0.05"

Points = Mapping[float, float]  # by the rationale's share of the text


@dataclass(frozen=True)
class Curves:
    """One metric on one dataset × model × chain.

    Attributes:
        points: means over texts and seeds; by removal operator, then by the method's display name.
    """

    dataset: str
    model: str
    chain: str
    metric: str
    higher_is_better: bool | None
    points: Mapping[str, Mapping[str, Points]]


def curves(results: Results) -> list[Curves]:
    """Those of every metric that keeps points, in the order of the cells."""
    chains: dict[object, list[Cell]] = {}
    for variant, group in by_variant(results.cells).items():
        chains.setdefault(replace(variant, seed=0), []).extend(group)
    return [each for group in chains.values() for each in _of_chain(group, results)]


def section(found: Sequence[Curves]) -> Section:
    """A figure for each of them."""
    return Section(drawings=tuple(_drawing(each, place) for place, each in enumerate(found, start=1)))


def _drawing(curves: Curves, place: int) -> Drawing:
    about = (
        f"{cell_name(curves.dataset, curves.model, curves.chain)}: {curves.metric} against the rationale's share of "
        f"the text, by removal operator; {better(curves.higher_is_better)} is better."
    )
    name = f"{place}-{curves.dataset}-{curves.chain}-{curves.metric}"
    return Drawing(name, about, partial(drawn, curves))


def drawn(curves: Curves) -> Figure:
    """One panel for each operator, one line for each method."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * len(curves.points) + 0.6, 3.4), layout="constrained")
    axes = figure.subplots(1, len(curves.points), sharey=True, squeeze=False)[0]
    for axis, (operator, by_method) in zip(axes, curves.points.items(), strict=True):
        for number, (method, points) in enumerate(by_method.items()):
            colour, marker = COLOURS[number % len(COLOURS)], "os^vDPX*"[number % 8]
            look = {"marker": marker, "markersize": 4, "color": colour, "label": verbatim(method)}
            axis.plot(list(points), list(points.values()), **look)
        set_panel_title(axis, operator, len(curves.points))
        axis.set_xlabel("the rationale's share of the text", fontsize=9)
        axis.tick_params(labelsize=8)
    axes[0].set_ylabel(f"{curves.metric} ({better(curves.higher_is_better)} is better)", fontsize=8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    set_title(figure, cell_name(curves.dataset, curves.model, curves.chain), 9)
    return figure


def _of_chain(cells: Sequence[Cell], results: Results) -> Iterator[Curves]:
    ok = [(cell, record) for cell in cells if (record := results.ok(cell))]
    metrics = {digest: metric for cell, _ in ok for digest, metric in cell.judgements.items()}
    variant = cells[0].variant
    methods: dict[str, dict[tuple[Any, Any], Record]] = {}
    for cell, record in ok:
        if cell.method:
            methods.setdefault(str(cell.method), {})[cell.variant.seed, cell.replicate] = record
    for digest, metric in metrics.items():
        points = _points(methods, digest)
        if points:
            names = variant.dataset.name, variant.model.name, named(variant.chain)
            yield Curves(*names, str(metric), metric.higher_is_better, points)


def _points(methods: Mapping[str, Mapping[tuple[Any, Any], Record]], digest: str) -> dict[str, dict[str, Points]]:
    found: dict[str, dict[str, Points]] = {}
    for method, records in methods.items():
        for operator in operators_of(records.values(), digest):
            arrays = {
                share: scores(records, digest, operators=[operator], diagnostic=f"{POINT}{share}")
                for share in _shares(records.values(), digest)
            }
            if arrays:
                points = {float(share): float(array.values[~array.missing].mean()) for share, array in arrays.items()}
                found.setdefault(operator, {})[method] = points
    return found


def _shares(records: Iterable[Record], digest: str) -> tuple[str, ...]:
    """Of the text, as the names of the points say them."""
    rows = (row for record in records for row in rows_of(record.measures) if row.metric == digest)
    names = (name for row in rows for notes in row.diagnostics for name in notes)
    return tuple(dict.fromkeys(name.removeprefix(POINT) for name in names if name.startswith(POINT)))
