"""What one metric says of each method: its score, whether it is better than random, and whether it is among the best.

Two verdicts, never one: better on average over seeds and texts, and the same sign for the next seed that is trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from attrimark_registry.plugin import Metric

from attrimark.results.entries import Entry
from attrimark.statistics.against_best import against_best
from attrimark.statistics.confidence_set import confidence_set
from attrimark.statistics.effect_size import standardised
from attrimark.statistics.intervals import crossed_interval, simultaneous_level
from attrimark.statistics.next_seed import holds_on_next_seed
from attrimark.statistics.simultaneous import simultaneous
from attrimark.statistics.verdict import towards_better, verdict_of

from .board import Scale, Score
from .comparison import Comparison
from .scale import scaled


def scores_of(
    comparison: Comparison, entries: Sequence[Entry], metric: Metric, level: float, columns: int
) -> tuple[Mapping[str, Score], Scale | None]:
    """Each method's score by its label, and the scale from random to the best.

    Args:
        level: of each method's own interval, and of all comparisons of a table together.
        columns: of the table. Within a column intervals hold together by max-T; over columns by Bonferroni.
    """
    shared = simultaneous_level(level, columns)
    differences = comparison.differences()
    beside_random = simultaneous(differences, np.random.default_rng(0), shared) if differences else {}
    scores: dict[str, Score] = {}
    for entry in entries:
        score = _means(entry, comparison, level)
        if versus := beside_random.get(entry.label):
            effect = standardised(differences[entry.label])
            score = replace(
                score,
                difference=versus.difference,
                p=_adjusted(versus.p, columns),
                verdict=verdict_of(versus, metric.higher_is_better),
                next_seed=holds_on_next_seed(differences[entry.label]),
                effect=towards_better(effect, metric.higher_is_better),
            )
        scores[entry.label] = score
    if metric.higher_is_better is None:
        return scores, None
    scores |= _among_the_best(comparison, scores, metric.higher_is_better, level, shared)
    scale, places = scaled(comparison, scores, metric.oracle, metric.higher_is_better, level)
    return {label: replace(score, scaled=places.get(label)) for label, score in scores.items()}, scale


def _means(entry: Entry, comparison: Comparison, level: float) -> Score:
    if entry.label not in comparison.scores:
        return Score(reason=comparison.reasons[entry.label])
    array = comparison.scores[entry.label]
    means = dict(zip(comparison.operators, array.values.mean(axis=(0, 1)).tolist(), strict=True))
    score = Score(
        home=next((means[operator] for operator in comparison.operators if operator in array.home), None),
        by_operator=means,
        neutral=float(array.values[:, :, comparison.neutral].mean()) if comparison.neutral.any() else None,
    )
    if array.refusal:
        return replace(score, reason=array.refusal)
    return replace(score, away=crossed_interval(array.by_text, level))


def _among_the_best(
    comparison: Comparison, scores: Mapping[str, Score], higher_is_better: bool, level: float, shared: float
) -> dict[str, Score]:
    """Scores with what the methods are beside each other, on the operators that none of them used."""
    if len(comparison.scores) < 2 or not comparison.neutral.any():
        return {}
    values = comparison.neutrally()
    beside_best = against_best(values, np.random.default_rng(0), shared, higher_is_better)
    p_values = confidence_set(values, np.random.default_rng(0), higher_is_better)
    return {
        label: replace(
            scores[label],
            behind=beside_best[label].difference,
            best_p=None if np.isnan(p) else p,
            among_best=None if np.isnan(p) else p >= 1 - level,
        )
        for label, p in p_values.items()
    }


def _adjusted(p: float, columns: int) -> float | None:
    return None if np.isnan(p) else min(1.0, p * max(1, columns))
