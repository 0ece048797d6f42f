"""What a suite is: matrices of everything that is crossed, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from attrimark_registry.model import How
from attrimark_registry.plugin import Dataset, Method, Metric, ModelSource, PopulationMetric, Quantizer, Strategy
from attrimark_registry.removal import Operator
from attrimark_registry.text import Granularity

from attrimark.studies.comparisons.factor_comparison import FactorComparison
from attrimark.studies.multiverse.choices import Choices, Pooling
from attrimark.studies.stability.equivalence import Equivalence
from attrimark.studies.stability.prediction import Prediction

from .replication import Replication

__all__ = ["Matrix", "Pooling", "Suite"]


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
        equivalent: which seeds of a chain are compared; all of them where it is missing.
        predictions: what is expected, written down before the run.
        comparisons: strategies, quantizers or models to be compared, and what is expected of them.
        primary: names of the metrics that gate a build; the others inform. Empty: the headline of explanations.
        store_text: whether what is shown or recorded may quote texts.
        replication: what it repeats of a study; None where it repeats none.
        multiverse: the choices over which every verdict is made again, from raw outputs that are kept for them.
        file: where it is written.
    """

    name: str
    matrices: tuple[Matrix, ...]
    title: str = ""
    seed: int = 0
    replicates: int = 1
    isolate: bool = False
    equivalent: Equivalence | None = None
    predictions: tuple[Prediction, ...] = ()
    comparisons: tuple[FactorComparison, ...] = ()
    primary: tuple[str, ...] = ()
    store_text: bool = True
    replication: Replication | None = None
    multiverse: Choices | None = None
    file: Path | None = field(default=None, compare=False)

    @property
    def compares_seeds(self) -> bool:
        """Whether any of its metrics looks at several seeds together."""
        return any(isinstance(metric, PopulationMetric) for matrix in self.matrices for metric in matrix.metrics)
