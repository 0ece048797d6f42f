"""The scale from random to the best possible explanation, and where each method is on it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from attrimark.results.scores import BySeedAndText
from attrimark.statistics.intervals import Estimate, crossed_interval
from attrimark.statistics.ratio import ratio_of_means
from attrimark.statistics.simultaneous import simultaneous

from .board import Scale
from .comparison import Comparison


def scaled(
    comparison: Comparison, adjusted: Mapping[str, BySeedAndText], oracle: float | None, level: float
) -> tuple[Scale | None, Mapping[str, Estimate]]:
    """The scale, and each method's (score − random) / (best − random) as a ratio of means over texts.

    The best is what the metric knows of each text's best explanation, else its `oracle`. Without either, or without
    random, there is no scale: the best of the methods would be chosen by the values that it is then compared with.
    Where the range is within noise, or cannot be judged, no method has a place on it.
    """
    reached = adjusted if comparison.bounds is None else comparison.adjusted(comparison.bounds["reached"])
    known = {label: each for label, each in reached.items() if np.isfinite(each).all()}
    control = comparison.control
    if control not in known:
        return None, {}
    if comparison.bounds is not None:
        best = comparison.adjusted(comparison.bounds["best"])[control]
    elif oracle is not None:
        best = np.full_like(known[control], oracle)
    else:
        return None, {}
    random = known[control]
    span = best - random
    (judged,) = simultaneous({"best": span}, level=level).values()
    measurable = judged.direction in ("above", "below")
    places = {label: ratio_of_means(each - random, span, level) for label, each in known.items()} if measurable else {}
    return Scale(float(random.mean()), float(best.mean()), crossed_interval(span, level), measurable), places
