"""Which metrics have a column in a suite's leaderboards."""

from __future__ import annotations

from attrimark_registry.errors import AttrimarkError
from attrimark_registry.plugin import Metric, ModelMetric, PopulationMetric

from attrimark.suite.suite import Suite


def check_column(metric: str, suite: Suite) -> None:
    """Nothing, where a metric of that name judges explanations.

    Raises:
        AttrimarkError: none does; it names those that do, or where this one is shown.
    """
    metrics = metrics_of(suite)
    meant = [each for each in metrics if each.goes_by(metric)]
    if any(has_column(each) for each in meant):
        return
    if not meant:
        known = ", ".join(sorted(map(str, metrics)))
        raise AttrimarkError(f'no metric named "{metric}" in this suite; it has {known}')
    if isinstance(meant[0], PopulationMetric):
        raise AttrimarkError(f"{metric} judges seeds together and has no column: see attrimark stability")
    raise AttrimarkError(f"{metric} judges the model alone and has no column: it stands above each whole table")


def metrics_of(suite: Suite) -> list[Metric]:
    """Those of all matrices, each once."""
    return list({metric.digest: metric for matrix in suite.matrices for metric in matrix.metrics}.values())


def has_column(metric: Metric) -> bool:
    """Whether it judges single explanations."""
    return not isinstance(metric, ModelMetric | PopulationMetric)
