"""Metrics that judge rationales of several lengths, as curves: read from the points kept beside their values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrimark_registry.attribution import Measure, Record

from attrimark.matrix import Cell, by_variant, named
from attrimark.store import Store

from .characters import better
from .figures import COLOURS, save

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


def curves(cells: Iterable[Cell], store: Store) -> list[Curves]:
    """Those of every metric that keeps points, in the order of the cells."""
    chains: dict[object, list[Cell]] = {}
    for variant, group in by_variant(cells).items():
        chains.setdefault(replace(variant, seed=0), []).extend(group)
    return [each for group in chains.values() for each in _of_chain(group, store)]


def write_curves(cells: Iterable[Cell], store: Store, folder: Path) -> list[Path]:
    """Every curve as SVG and PNG.

    Raises:
        AttrimarkError: the folder cannot be written to.
    """
    made = curves(cells, store)
    pairs = ((each, f"{place}-{each.dataset}-{each.chain}-{each.metric}") for place, each in enumerate(made, start=1))
    return [path for each, name in pairs for path in save(drawn(each), folder, name)]


def drawn(curves: Curves) -> Figure:
    """One panel for each operator, one line for each method."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * len(curves.points) + 0.6, 3.4), layout="constrained")
    axes = figure.subplots(1, len(curves.points), sharey=True, squeeze=False)[0]
    for axis, (operator, by_method) in zip(axes, curves.points.items(), strict=True):
        for number, (method, points) in enumerate(by_method.items()):
            colour, marker = COLOURS[number % len(COLOURS)], "os^vDPX*"[number % 8]
            axis.plot(list(points), list(points.values()), marker=marker, markersize=4, color=colour, label=method)
        axis.set_title(operator, fontsize=9, loc="left")
        axis.set_xlabel("the rationale's share of the text", fontsize=9)
        axis.tick_params(labelsize=8)
    axes[0].set_ylabel(f"{curves.metric} ({better(curves.higher_is_better)} is better)", fontsize=8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    figure.suptitle(f"{curves.dataset} · {curves.model} · {curves.chain}", fontsize=9)
    return figure


def _of_chain(cells: Sequence[Cell], store: Store) -> Iterator[Curves]:
    records = store.records(cell.id for cell in cells)
    ok = [(cell, records[cell.id]) for cell in cells if cell.id in records and records[cell.id].status == "ok"]
    metrics = {digest: metric for cell, _ in ok for digest, metric in cell.judgements.items()}
    variant = cells[0].variant
    for digest, metric in metrics.items():
        points = _points([(str(cell.method), record) for cell, record in ok if cell.method], digest)
        if points:
            names = variant.dataset.name, variant.model.name, named(variant.chain)
            yield Curves(*names, str(metric), metric.higher_is_better, points)


def _points(records: Sequence[tuple[str, Record]], digest: str) -> dict[str, dict[str, Points]]:
    measures: dict[str, dict[str, list[Measure]]] = {}
    for method, record in records:
        for each in record.measures:
            if each.metric == digest and any(name.startswith(POINT) for name in each.diagnostics):
                measures.setdefault(each.operator, {}).setdefault(method, []).append(each)
    return {
        operator: {method: _means(some) for method, some in by_method.items()}
        for operator, by_method in measures.items()
    }


def _means(measures: Sequence[Measure]) -> Points:
    names = [name for name in measures[0].diagnostics if name.startswith(POINT)]
    means = {name: float(np.mean([each.diagnostics[name] for each in measures])) for name in names}
    return {float(name.removeprefix(POINT)): mean for name, mean in means.items()}
