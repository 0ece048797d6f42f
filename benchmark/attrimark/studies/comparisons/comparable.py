"""What is wrong with a suite's comparisons, told before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrimark_registry.plugin import ModelMetric, SpanMetric

from attrimark.suite.matrix import variants_of
from attrimark.suite.reading.document import Complaint
from attrimark.suite.reading.locate import KeyPath
from attrimark.suite.reading.members import names_of, not_among
from attrimark.suite.suite import Matrix

from .factor_comparison import FactorComparison
from .factors import factors


def complaints_of_comparison(
    comparison: FactorComparison, matrices: Sequence[Matrix], path: KeyPath
) -> Iterator[Complaint]:
    """What is compared must be in the suite, vary, and mean the same in every network.

    Scores of metrics that remove words lie between other bounds in every network; metrics of a population look at
    several networks at once.
    """
    metrics = [each for matrix in matrices for each in matrix.metrics]
    fit = [each for each in metrics if isinstance(each, SpanMetric | ModelMetric)]
    for place, value in enumerate(comparison.metrics):
        if any(value in names_of([each]) for each in metrics if each not in fit):
            told = f'networks are not compared by "{value}": it has other bounds in each of them, or looks at several'
            yield Complaint((*path, "metrics", place), told)
        else:
            yield from not_among(value, names_of(fit), (*path, "metrics", place))
    if comparison.against:
        alone = [each for each in fit if isinstance(each, ModelMetric)]
        yield from not_among(comparison.against, names_of(alone), (*path, "against"))
    if comparison.method:
        methods = names_of([each for matrix in matrices for each in matrix.methods])
        yield from not_among(comparison.method, methods, (*path, "method"))
    found = factors((each for matrix in matrices for each in variants_of(matrix)), comparison.over)
    if not found:
        yield Complaint((*path, "over"), f"no two networks of this suite differ in their {comparison.over} alone")
        return
    compared = names_of([each for each in fit if set(names_of([each])) & set(comparison.metrics)])
    levels = [name for factor in found for name in factor.levels]
    for place, claim in enumerate(comparison.claims):
        for key, names in (("metric", compared), ("level", levels), ("than", levels)):
            value = getattr(claim, key)
            if value is not None:
                yield from not_among(value, names, (*path, "claims", place, key))
