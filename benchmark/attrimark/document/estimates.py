"""Numbers of any size with their intervals, as tables over networks show them."""

from __future__ import annotations

import math

from attrimark.statistics.intervals import Estimate

from . import characters

LARGE = 1e5  # from here on a number is shown with its power of ten


def interval(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return number(estimate.mean)
    return f"{number(estimate.mean)} [{number(estimate.low)}, {number(estimate.high)}]"


def number(value: float) -> str:
    """Three digits that count."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) >= LARGE:
        return f"{value:.3e}"
    return f"{value:.3f}" if 0.1 <= abs(value) < 1000 else f"{value:.3g}"


def with_ends(estimate: Estimate | None) -> str:
    """The mean and the ends of its interval, which need not lie around it evenly."""
    if estimate is None or math.isnan(estimate.low):
        return characters.number(estimate and estimate.mean)
    return f"{characters.number(estimate.mean)} [{characters.number(estimate.low)}, {characters.number(estimate.high)}]"


def with_half(estimate: Estimate) -> str:
    """The mean, and half its interval where there is one."""
    half = "" if math.isnan(estimate.half) else f" ±{characters.number(estimate.half)}"
    return f"{characters.number(estimate.mean)}{half}"
