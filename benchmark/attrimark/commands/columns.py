"""Which metrics have a column in a suite's leaderboards, and where to look for what has none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click
from attrimark_registry.plugin import Metric, ModelMetric, PopulationMetric

from attrimark.results.results import Results
from attrimark.studies.tuco.contributions import contributions
from attrimark.suite.matrix import Cell


def check_column(metric: str, cells: Iterable[Cell]) -> None:
    """Nothing, where a metric of that name judges explanations.

    Raises:
        UsageError: none does; it names those that do, or the command that shows this one.
    """
    metrics = _metrics(cells)
    meant = [each for each in metrics if metric in (each.name, str(each))]
    if any(_has_column(each) for each in meant):
        return
    if not meant:
        known = ", ".join(sorted(map(str, metrics)))
        raise click.UsageError(f'no metric named "{metric}" in this suite; it has {known}')
    if isinstance(meant[0], PopulationMetric):
        raise click.UsageError(f"{metric} judges seeds together and has no column: see attrimark stability")
    raise click.UsageError(f"{metric} judges the model alone and has no column: it stands above each whole table")


def nothing_to_show(results: Results) -> str:
    """Why a suite's leaderboards are empty, and what to call instead."""
    suite = results.suite
    if any(map(_has_column, _metrics(results.cells))):
        return f"nothing to show: run the suite first: attrimark run {suite.name}"
    commands = ["stability"] if suite.compares_seeds else []
    commands += ["strategies"] if suite.comparisons else []
    commands += ["contribution"] if contributions(results) else []
    see = " and ".join(f"attrimark {each} {suite.name}" for each in commands or ["report"])
    return f"nothing to show: no metric of {suite.name} judges single explanations. See {see}"


def _metrics(cells: Iterable[Cell]) -> Sequence[Metric]:
    return list({metric.digest: metric for cell in cells for metric in cell.metrics}.values())


def _has_column(metric: Metric) -> bool:
    return not isinstance(metric, ModelMetric | PopulationMetric)
