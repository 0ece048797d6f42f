"""Specification curves, drawn: each analysis of two methods by its difference, and below it the choices it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attrimark.document.figures import COLOURS
from attrimark.document.titles import set_title, verbatim
from attrimark.statistics.verdict import Verdict

from .specification_curve import FACTORS, Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# told apart by shape as well as by colour
MARKS: dict[Verdict, tuple[str, str, str]] = {
    "better": ("^", COLOURS[0], "better"),
    "worse": ("v", COLOURS[5], "worse"),
    "tie": ("o", "grey", "not told apart"),
    "–": ("x", "black", "no interval"),
}


def drawn(curve: Curve, where: str) -> Figure:
    """Analyses side by side, the smallest difference first.

    Above, each with its interval, and the difference of the suite's own analysis as a dashed line; below, one row for
    each level of the factors that have several, marked where an analysis made that choice. Probabilities and log-odds
    share no unit: where there are several values, differences are in parts of the largest with that value.
    """
    from matplotlib.figure import Figure

    units = _units(curve)
    findings = sorted(curve.findings, key=lambda each: each.difference.mean / units[each.analysis.value])
    rows = [
        (place, level)
        for place in range(len(FACTORS))
        for level in dict.fromkeys(each.analysis[place] for each in curve.findings)
        if len({each.analysis[place] for each in findings}) > 1
    ]
    figure = Figure(figsize=(8, 3 + 0.2 * len(rows)), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [2.4, max(1, 0.2 * len(rows))]})
    for verdict, (mark, colour, name) in MARKS.items():
        here = [place for place, each in enumerate(findings) if each.verdict == verdict]
        if not here:
            continue
        scale = np.array([units[findings[place].analysis.value] for place in here])
        means = np.array([findings[place].difference.mean for place in here]) / scale
        halves = np.nan_to_num([findings[place].difference.half for place in here]) / scale
        above.errorbar(here, means, halves, fmt=mark, color=colour, ecolor=colour, elinewidth=0.6, ms=3, label=name)
        dots = [
            (place, row)
            for place in here
            for row, (factor, level) in enumerate(rows)
            if findings[place].analysis[factor] == level
        ]
        if dots:
            below.plot(*np.array(dots).T, linestyle="", marker="|", color=colour, markersize=5)
    above.axhline(0, color="grey", linewidth=0.6)
    own = curve.own.difference.mean / units.get(curve.own.analysis.value, np.nan)
    if np.isfinite(own):
        above.axhline(own, color="black", linewidth=0.8, linestyle="--", label="the suite's own")
    unit = "\n(in parts of the largest with that value)" if len(units) > 1 else ""
    above.set_ylabel(f"difference of {curve.metric}{unit}", fontsize=8)
    above.legend(fontsize=7, loc="upper left")
    below.set_yticks(range(len(rows)), [verbatim(f"{FACTORS[place]} {level}") for place, level in rows], fontsize=7)
    below.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    below.set_xlabel(f"{len(findings)} analyses", fontsize=9)
    below.set_xticks([])
    above.tick_params(labelsize=8)
    set_title(figure, f"{curve.a} minus {curve.b}\n{where}", 9)
    return figure


def _units(curve: Curve) -> dict[str, float]:
    """What each value's differences are divided by: 1 where there is one value only."""
    largest: dict[str, float] = {}
    for each in curve.findings:
        size = abs(each.difference.mean)
        largest[each.analysis.value] = max(largest.get(each.analysis.value, 0.0), size if np.isfinite(size) else 0.0)
    return {value: (size or 1.0) if len(largest) > 1 else 1.0 for value, size in largest.items()}
