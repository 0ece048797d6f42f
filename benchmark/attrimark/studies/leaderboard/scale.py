"""The scale from random to the best possible explanation, and where each method stands on it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from attrimark.results.scores import BySeedAndText
from attrimark.statistics.intervals import Estimate, crossed_interval
from attrimark.statistics.ratio import ratio_of_means
from attrimark.statistics.simultaneous import simultaneous

from .board import ORACLE, Scale, Score
from .comparison import Comparison


def scaled(
    comparison: Comparison,
    scores: Mapping[str, Score],
    oracle: float | None,
    higher_is_better: bool,
    level: float,
) -> tuple[Scale | None, Mapping[str, Estimate]]:
    """The scale, and each method's (score − random) / (best − random) as a ratio of means over texts.

    The best is what the metric knows of each text's best explanation, else its `oracle`, else the best method: then
    the scale says how far others are behind that one. All is on the operators that no method used itself. Without
    random or such operators there is no scale; where the range from random to the best is within noise, or cannot be
    judged, no method has a place on it.
    """
    if comparison.control is None or not comparison.neutral.any():
        return None, {}
    found, top, ends = _ends(comparison, oracle, higher_is_better)
    random, best = ends
    span = best - random
    if top == ORACLE:
        (judged,) = simultaneous({top: span}, np.random.default_rng(0), level).values()
        measurable = judged.direction in ("above", "below")
    else:
        # the best of many is judged with the others, not as if it had been chosen beforehand
        measurable = scores[top].verdict == "better"
    scale = Scale(top, float(random.mean()), float(best.mean()), crossed_interval(span, level), measurable)
    places = {label: ratio_of_means(each - random, span, level) for label, each in found.items()} if measurable else {}
    return scale, places


def _ends(
    comparison: Comparison, oracle: float | None, higher_is_better: bool
) -> tuple[Mapping[str, BySeedAndText], str, tuple[BySeedAndText, BySeedAndText]]:
    """What each method reached, who has the oracle's place, and what random and that one reached."""
    control, neutral = str(comparison.control), comparison.neutral
    if comparison.bounds is not None:
        reached = {label: array.over(neutral) for label, array in comparison.bounds["reached"].items()}
        return reached, ORACLE, (reached[control], comparison.bounds["best"][control].over(neutral))
    values = {label: comparison.over(label, neutral) for label in comparison.scores}
    if oracle is not None:
        return values, ORACLE, (values[control], np.full_like(values[control], oracle))
    first = (max if higher_is_better else min)(values, key=lambda label: values[label].mean())
    return values, first, (values[control], values[first])
