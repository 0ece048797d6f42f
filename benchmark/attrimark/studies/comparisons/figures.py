"""Figures of strategies, quantizers and models compared: means, distances between distributions, trends over sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attrimark.document.figures import ABREAST, COLOURS
from attrimark.document.titles import fitted, set_panel_title, set_title, verbatim
from attrimark.suite.names import MODEL_ALONE

from .comparison import Apart, Compared, Findings
from .scale_trend import Trend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL_CHARACTERS = 40


def heat_map(apart: Apart, title: str) -> Figure:
    """Mean Jensen–Shannon distances between levels; on the diagonal those of two seeds of one level."""
    from matplotlib.figure import Figure

    levels, table = apart.distances.levels, np.array(apart.distances.table)
    figure = Figure(figsize=(1.6 + 0.9 * len(levels), 1.4 + 0.9 * len(levels)), layout="constrained")
    axis = figure.subplots()
    largest = float(np.nanmax(table, initial=0.0))
    axis.imshow(table, cmap="Blues", vmin=0.0, vmax=largest or 1.0)
    for row, column in np.ndindex(table.shape):
        value = table[row, column]
        dark = np.isfinite(value) and value > 0.6 * largest
        written = f"{value:.2f}" if np.isfinite(value) else "–"
        axis.text(column, row, written, ha="center", va="center", fontsize=9, color="white" if dark else "black")
    axis.set_xticks(range(len(levels)), [verbatim(name) for name in levels], rotation=45, ha="right", fontsize=8)
    axis.set_yticks(range(len(levels)), [verbatim(name) for name in levels], fontsize=8)
    set_title(figure, f"{title}\n{apart.method}: Jensen–Shannon distance", 9)
    return figure


def trends(found: Sequence[Findings], method: str | None, against: str) -> Figure:
    """One panel a metric, one line a chain: means of models over their sizes, with their intervals."""
    from matplotlib.figure import Figure

    metrics = list(dict.fromkeys(each.metric for one in found for each in one.compared if each.method == method))
    rows = -(-len(metrics) // ABREAST)
    figure = Figure(figsize=(2.8 * min(ABREAST, len(metrics)) + 1, 2.6 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, min(ABREAST, len(metrics)), squeeze=False).ravel()
    for unused in axes[len(metrics) :]:
        unused.remove()
    drawn: dict[str, Any] = {}  # matplotlib's stubs take no container of lines for a legend's handle
    for axis, metric in zip(axes, metrics, strict=False):
        for place, one in enumerate(found):
            column = next((each for each in one.compared if (each.metric, each.method) == (metric, method)), None)
            if column is not None and isinstance(column.trend, Trend):
                x, y, ends = _points(column, column.trend)
                colour = COLOURS[place % len(COLOURS)]
                drawn[one.held] = axis.errorbar(x, y, yerr=ends, marker="o", markersize=3, capsize=3, color=colour)
        axis.set_xscale("log", base=2)
        set_panel_title(axis, metric, min(ABREAST, len(metrics)))
        axis.set_xlabel(against, fontsize=8)
        axis.tick_params(labelsize=8)
    told = [fitted(held, float(figure.get_figwidth()) - 1, 7) for held in drawn]
    figure.legend(list(drawn.values()), told, loc="outside lower center", fontsize=7)
    set_title(figure, method or MODEL_ALONE)
    return figure


def _points(column: Compared, trend: Trend) -> tuple[list[float], list[float], np.ndarray]:
    """Sizes, means, and how far the intervals reach below and above them; by size."""
    models = sorted(trend.sizes, key=lambda name: trend.sizes[name])
    means = [column.means[name] for name in models]
    ends = np.nan_to_num([[each.mean - each.low, each.high - each.mean] for each in means]).T
    return [trend.sizes[name] for name in models], [each.mean for each in means], np.maximum(ends, 0.0)
