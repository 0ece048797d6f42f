"""Metrics that know the truth come first, and say how far the others agree with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attrimark_registry.plugin import Metric, SpanMetric
from jaxtyping import Float

from attrimark.statistics.reliability import rank_correlation

from .comparison import Comparison

ByText = Mapping[str, Float[np.ndarray, " texts"]]  # by method


def knows_truth(metric: Metric) -> bool:
    """Whether it compares explanations with what is known of the words, and is a measure of explanations."""
    return isinstance(metric, SpanMetric) and metric.headline and metric.higher_is_better is not None


def truth_first(
    comparisons: Mapping[str, Comparison], metrics: Mapping[str, Metric]
) -> tuple[Mapping[str, Comparison], str | None]:
    """The comparisons by digest, those that know the truth first, and the first of these, if any."""
    truths = [digest for digest, each in comparisons.items() if knows_truth(metrics[digest]) and each.scores]
    order: Sequence[str] = [*truths, *(digest for digest in comparisons if digest not in truths)]
    return {digest: comparisons[digest] for digest in order}, truths[0] if truths else None


def means_of(comparison: Comparison) -> ByText:
    """Each method's scores, over seeds; the control is none."""
    adjusted = comparison.adjusted(comparison.scores) if comparison.scores else {}
    means = {label: each.mean(axis=0) for label, each in adjusted.items() if label != comparison.control}
    return {label: each for label, each in means.items() if np.isfinite(each).all()}


def with_truth(means: ByText, truth: ByText) -> float | None:
    """The rank correlation over the methods that both metrics have a score of."""
    both = [label for label in means if label in truth]
    one, other = (np.array([each[label].mean() for label in both]) for each in (means, truth))
    return rank_correlation(one, other)
