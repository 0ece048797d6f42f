"""One metric over a method's attributions, or over the model alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrimark_registry.attribution import Attribution, Measure, as_scores
from attrimark_registry.encoding import Encoded
from attrimark_registry.errors import InvalidNumbers
from attrimark_registry.model import How
from attrimark_registry.plugin import Metric, ModelMetric, SpanMetric, SubsetMetric
from attrimark_registry.removal import Operator
from attrimark_registry.text import Example, Splits

from .border import exploration, lent, maybe_missing, number, require_within
from .chance import ORDERS, permuted
from .evaluator import Question
from .prepare import Prepared
from .randomness import generator_for


def measure(
    prepared: Prepared,
    metric: Metric,
    attributions: Sequence[Attribution],
    operators: tuple[Operator, ...] | None = None,
    suite_seed: int = 0,
    orders: int = ORDERS,
) -> list[Measure]:
    """The metric's value on every text, under every operator where it removes features.

    Args:
        orders: of the words, in which a metric that asks no network is to judge the same scores, too.
    """
    if isinstance(metric, SubsetMetric):
        asked = operators or prepared.operators
        return [
            each for operator in asked for each in _by_subsets(prepared, metric, attributions, operator, suite_seed)
        ]
    if isinstance(metric, SpanMetric):
        return [_by_spans(metric, each, suite_seed, orders) for each in attributions]
    raise TypeError(f"{metric} judges no attributions")


def _by_spans(metric: SpanMetric, attribution: Attribution, suite_seed: int, orders: int) -> Measure:
    """On the scores as they are, and in other orders of the words."""

    def compared(scores: Attribution) -> float | None:
        return _number(metric.compare(lent(scores), scores.example), metric, scores.example)

    value = compared(attribution)
    others = [] if value is None else [compared(each) for each in permuted(attribution, suite_seed, orders)]
    known = tuple(float(np.float32(each)) for each in others if each is not None)
    return Measure(
        metric.digest, attribution.example.id, "", value, permuted=known if len(known) == len(others) else ()
    )


def measure_model(prepared: Prepared, metric: ModelMetric, splits: Splits) -> list[Measure]:
    """What the metric says of the model: one number a text, or one number under the example id "" (all)."""
    examples = metric.texts(splits, [row.example for row in prepared.rows])
    if prepared.invalid or not examples:
        prepared.refuse()
    returned = as_scores(metric.measure(prepared.model, examples))
    if np.ndim(returned.values) == 0:
        value = number(returned.values, str(metric), metric.bounds)
        return [Measure(metric.digest, "", "", value, _named(metric, returned.diagnostics))]
    values = maybe_missing(returned.values, str(metric))
    if values.shape != (len(examples),):
        raise InvalidNumbers(f"{metric}: an array {values.shape} was returned for {len(examples)} texts")
    require_within(values, str(metric), metric.bounds)
    if np.isinf(values).any():
        raise InvalidNumbers(f"{metric}: infinite")
    notes = {name: maybe_missing(each, f"{metric}, {name}") for name, each in returned.diagnostics.items()}
    measures = []
    for place, (example, value) in enumerate(zip(examples, values, strict=True)):
        mine = {name: float(each[place]) for name, each in notes.items()}
        known = not np.isnan(value)
        measures.append(Measure(metric.digest, example.id, "", float(value) if known else None, mine if known else {}))
    return measures


def _number(returned: object, metric: Metric, example: Example) -> float | None:
    """What a metric returned for a text."""
    return None if returned is None else number(returned, f"{metric}, text {example.id}", metric.bounds)


def _named(metric: Metric, diagnostics: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(maybe_missing(each, f"{metric}, {name}")) for name, each in diagnostics.items()}


def judged_rows(prepared: Prepared, target: How, attributions: Sequence[Attribution]) -> dict[str, Encoded]:
    """The rows by the example's id, aimed at what a metric with that target looks at."""
    # between labels there is a decision to look at, whatever was explained; a text, a score and a label that is decided
    # for itself are judged for themselves
    between = prepared.model.labels and prepared.model.head == "softmax"
    how = target if between else prepared.target
    rows = {row.example.id: row for row in prepared.rows_for(how)}
    if how == prepared.target:
        # as it was stored: another machine may write another text
        rows |= {each.example.id: rows[each.example.id].aimed_at(each.target) for each in attributions}
    return rows


def _by_subsets(
    prepared: Prepared,
    metric: SubsetMetric,
    attributions: Sequence[Attribution],
    operator: Operator,
    suite_seed: int,
) -> list[Measure]:
    prepared.require(operator)
    rows = judged_rows(prepared, metric.target, attributions)
    questions = [
        Question(
            rows[each.example.id],
            operator,
            metric.reading,
            exploration(metric.explore(lent(each), generator_for(suite_seed, metric, each.example.id)), metric),
        )
        for each in attributions
    ]
    measures = []
    for each, answer in zip(attributions, prepared.evaluator.explore(questions), strict=True):
        told = answer.scores
        value = None if told is None else _number(told.values, metric, each.example)
        kept = {} if told is None else _named(metric, told.diagnostics)
        measures.append(Measure(metric.digest, each.example.id, operator, value, kept))
    return measures
