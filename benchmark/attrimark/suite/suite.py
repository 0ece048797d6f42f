"""What a suite is: matrices of everything that is crossed, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attrimark_registry.model import How
from attrimark_registry.plugin import Dataset, Method, Metric, ModelSource, PopulationMetric, Quantizer, Strategy
from attrimark_registry.removal import Operator
from attrimark_registry.text import Granularity

from .choices import Choices, Pooling

__all__ = ["Matrix", "Pooling", "Suite"]

MOST_PRIMARY = 5  # metrics that gate: with more, a change worth knowing is lost among the comparisons
MOST_OF_EXPLANATIONS = 3  # of these, metrics of explanations: they share the error rate of a table


@dataclass(frozen=True)
class Matrix:
    """dataset × model × strategy × quantizer × seed × method, judged by every metric.

    Attributes:
        strategies: chains of steps, first to last; the empty chain is the model as loaded.
        seeds: what training draws from.
        operator: how methods remove features; None for the model's default.
        operators: how metrics remove features; None for all that make sense for the model.
        target: what is explained: "predicted", "gold", or one fixed label.
        pooling: how scores of tokens become scores of features.
        explain: the number of texts explained, the first of the test split.
        train: the number of texts trained on, the first of the training split; None for all.
        each_token: explain also every token of a written text alone.
    """

    datasets: tuple[Dataset, ...]
    models: tuple[ModelSource, ...]
    methods: tuple[Method, ...]
    metrics: tuple[Metric, ...]
    quantizers: tuple[Quantizer, ...]
    strategies: tuple[tuple[Strategy | Quantizer, ...], ...] = ((),)
    seeds: tuple[int, ...] = (0,)
    operator: Operator | None = None
    operators: tuple[Operator, ...] | None = None
    target: How = "predicted"
    granularity: Granularity = "word"
    pooling: Pooling = "sum"
    explain: int = 20
    train: int | None = None
    each_token: bool = False


@dataclass(frozen=True)
class Suite:
    """What `attrimark run NAME` computes.

    Attributes:
        seed: what methods and metrics draw from.
        replicates: how often a stochastic method explains the same decision.
        isolate: share nothing between methods, so that seconds a method mean something.
        primary: names of the metrics that were chosen before the run: their marks in tables hold together, and they
            gate a build; the others inform. Empty: the headline of explanations.
        margin: how far behind the best a recommended method may be, as a share of the range from random to the best
            possible value.
        store_text: whether what is shown or recorded may quote texts.
        asks: what it says of its studies, by key: each study owns some.
        timeout: seconds that a cell, or the training of a variant, may take; None for no limit.
        captures: what a run keeps raw outputs for, as its studies need them.
        file: where it is written.
    """

    name: str
    matrices: tuple[Matrix, ...]
    title: str = ""
    seed: int = 0
    replicates: int = 1
    isolate: bool = False
    primary: tuple[str, ...] = ()
    margin: float = 0.05
    store_text: bool = True
    timeout: float | None = None
    asks: Mapping[str, Any] = field(default_factory=dict)
    captures: tuple[Choices, ...] = ()
    file: Path | None = field(default=None, compare=False)

    @property
    def compares_seeds(self) -> bool:
        """Whether any of its metrics looks at several seeds together."""
        return any(isinstance(metric, PopulationMetric) for matrix in self.matrices for metric in matrix.metrics)
