"""What one metric says of each method: its score, whether it is better than random, and whether it may be the best.

Two verdicts, never one: better on average over seeds and texts, and the same sign for the next seed that is trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from attrimark_registry.plugin import Metric
from attrimark_registry.removal import family_of
from jaxtyping import Float

from attrimark.results.entries import Entry
from attrimark.results.scores import BySeedAndText
from attrimark.statistics.against_best import against_best
from attrimark.statistics.effect_size import standardised
from attrimark.statistics.intervals import crossed_interval, simultaneous_level
from attrimark.statistics.next_seed import holds_on_next_seed
from attrimark.statistics.pairs import Pairs
from attrimark.statistics.simultaneous import Compared, simultaneous
from attrimark.statistics.verdict import Verdict, towards_better, verdict_of
from attrimark.statistics.word_permutation import against_chance

from .board import Scale, Score
from .comparison import NOT_LINKED, Comparison
from .scale import scaled


def scores_of(
    comparison: Comparison, entries: Sequence[Entry], metric: Metric, pairs: Pairs | None, level: float, columns: int
) -> tuple[Mapping[str, Score], Scale | None]:
    """Each method's score by its label, and the scale from random to the best possible explanation.

    Args:
        pairs: of all methods, where the metric says which of two is better.
        level: of each method's own interval, and of all comparisons of a table together.
        columns: of the table. Within a column intervals hold together by max-T; over columns by Bonferroni.
    """
    shared = simultaneous_level(level, columns)
    by_family = comparison.differences()
    differences = {label: each.mean(axis=2) for label, each in by_family.items()}
    beside_random = simultaneous(differences, level=shared)
    for label, found in against_chance(comparison.orders, shared).items():
        beside_random[label] = replace(beside_random[label], p=found.p, direction=found.direction)
    adjusted = comparison.adjusted(comparison.scores) if comparison.scores else {}
    scores: dict[str, Score] = {}
    for entry in entries:
        score = _means(entry, comparison, adjusted, level)
        if versus := beside_random.get(entry.label):
            effect = standardised(differences[entry.label])
            score = replace(
                score,
                difference=versus.difference,
                p=_adjusted(versus.p, columns),
                verdict=_verdict(versus, by_family[entry.label], metric.higher_is_better),
                next_seed=holds_on_next_seed(differences[entry.label]),
                effect=towards_better(effect, metric.higher_is_better),
            )
        scores[entry.label] = score
    if pairs is None or metric.higher_is_better is None:
        return scores, None
    scores |= _beside_the_best(pairs, comparison.control, scores, metric.higher_is_better, shared)
    scale, places = scaled(comparison, adjusted, metric.oracle, level)
    return {label: replace(score, scaled=places.get(label)) for label, score in scores.items()}, scale


def _means(entry: Entry, comparison: Comparison, adjusted: Mapping[str, BySeedAndText], level: float) -> Score:
    if entry.label not in comparison.scores:
        return Score(reason=comparison.reasons[entry.label])
    array = comparison.scores[entry.label]
    means = dict(zip(comparison.operators, array.values.mean(axis=(0, 1)).tolist(), strict=True))
    own = {family_of(operator) for operator in array.home}
    at_home = [means[operator] for operator in comparison.operators if family_of(operator) in own]
    score = Score(home=float(np.mean(at_home)) if at_home else None, by_operator=means)
    if array.refusal:
        return replace(score, reason=array.refusal)
    if not np.isfinite(adjusted[entry.label]).all():
        return replace(score, away=array.mean, reason=NOT_LINKED)
    return replace(score, away=array.mean, adjusted=crossed_interval(adjusted[entry.label], level))


def _verdict(
    versus: Compared, by_family: Float[np.ndarray, "seeds texts families"], higher_is_better: bool | None
) -> Verdict:
    """Better or worse only where the sign is the same under every family of operators."""
    signs = np.sign(by_family.mean(axis=(0, 1)))
    found = verdict_of(versus, higher_is_better)
    return found if found == "–" or (signs == signs[0]).all() else "tie"


def _beside_the_best(
    pairs: Pairs, control: str | None, scores: Mapping[str, Score], higher_is_better: bool, level: float
) -> dict[str, Score]:
    """Scores with how far each method is behind the best of the others; random is no rival."""
    methods = [place for place, name in enumerate(pairs.names) if name != control]
    if len(methods) < 2:
        return {}
    found = {}
    for label, each in against_best(pairs.of(methods), level=level).items():
        lead = each.lead
        if not higher_is_better:
            # an end at 0 stays 0, not −0
            lead = replace(lead, mean=0 - lead.mean, low=0 - lead.high, high=0 - lead.low)
        p = None if np.isnan(each.p) else each.p
        found[label] = replace(scores[label], behind=lead, best_p=p, may_be_best=each.may_be_best)
    return found


def _adjusted(p: float, columns: int) -> float | None:
    return None if np.isnan(p) else min(1.0, p * max(1, columns))
