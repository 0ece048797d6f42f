"""A suite written out: its variants, their cells, and what can be known about them before anything runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, cast

from attrimark_registry.errors import AttrimarkError
from attrimark_registry.model import NO_PRETRAINED, How
from attrimark_registry.network_kinds import NetworkKind
from attrimark_registry.plugin import (
    Dataset,
    Method,
    Metric,
    ModelMethod,
    ModelMetric,
    ModelSource,
    Plugin,
    PopulationMetric,
    Quantizer,
    SpanMetric,
    Strategy,
    SubsetMethod,
    SubsetMetric,
)
from attrimark_registry.removal import Operator
from attrimark_registry.text import Example, Granularity, Splits

from attrimark.suite.choices import Choices

from .names import MODEL_ALONE, cell_name
from .numerics import DEFAULT_OPERATORS, WITH_VALUES, Asked, numerics
from .suite import Matrix, Pooling, Suite

Chain = tuple[Strategy | Quantizer, ...]


@dataclass(frozen=True)
class Variant:
    """A prepared network and the decisions to explain: the unit of scheduling."""

    dataset: Dataset
    model: ModelSource
    chain: Chain
    seed: int
    granularity: Granularity
    target: How
    explain: int
    train: int | None

    @property
    def chain_name(self) -> str:
        return " → ".join(map(str, self.chain)) or "none"

    @property
    def place(self) -> str:
        """What it shares with its other seeds, in words."""
        return cell_name(self.dataset, self.model, self.chain_name)

    def __str__(self) -> str:
        return cell_name(self.place, seed=self.seed)

    @cached_property
    def has_own_names(self) -> bool:
        """Whether tables call any of its parts otherwise than a record does."""
        return any(str(part) != part.written for part in (self.dataset, self.model, *self.chain))

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """The texts that are explained."""
        return splits_of(self.dataset).test[: self.explain]

    @cached_property
    def training(self) -> tuple[Example, ...]:
        """The texts that strategies train on; none where the chain trains nothing."""
        return splits_of(self.dataset).train[: self.train] if self.trains else ()

    @property
    def trains(self) -> bool:
        """Whether any step of the chain moves weights."""
        return any(isinstance(step, Strategy) and step.trains for step in self.chain)

    @property
    def origin(self) -> tuple[Any, ...]:
        """What variants that differ only in their seed have in common."""
        return self.dataset, self.model, self.chain, self.train

    @cached_property
    def parts(self) -> Mapping[str, Any]:
        """Everything that decides this variant's numbers, as plain data."""
        return self._parts(self.model.fingerprint())

    @cached_property
    def former_parts(self) -> Mapping[str, Any] | None:
        """The same as an earlier version named them; None where that cannot be known."""
        fingerprint = self.model.former_fingerprint()
        return None if fingerprint is None else self._parts(fingerprint)

    @cached_property
    def kinds(self) -> frozenset[NetworkKind] | None:
        """What kinds that need care the network is of; None where that is not known."""
        return self.model.network_kinds()

    @cached_property
    def parts_as_json(self) -> str:
        """The same, as hashes of its cells hold it."""
        return _as_json(dict(self.parts))

    def _parts(self, weights: str) -> Mapping[str, Any]:
        seeded = any(isinstance(step, Strategy) and step.seeded for step in self.chain)
        return {
            "dataset": dict(self.dataset.identity) | {"texts": _digest_of_texts(self.examples)},
            "training": _digest_of_texts(self.training),
            "labels": list(splits_of(self.dataset).labels),
            "model": dict(self.model.identity) | {"weights": weights},
            "chain": [dict(step.identity) for step in self.chain],
            "seed": self.seed if seeded else None,
            "granularity": self.granularity,
            "target": self.target,
        }


@dataclass(frozen=True)
class Cell:
    """A variant explained by one method (None: the model alone, which metrics of the model look at).

    Attributes:
        operator: how the method removes features; None for the model's default.
        metrics: judgements beside it; they are no part of its identity.
        operators: how metrics remove features; None for the model's defaults.
        each_token: whether every token of a written text is explained too.
        problem: why it cannot run, where that is known already.
        captures: what raw outputs are kept for; no part of its identity, as they are beside its attributions.
    """

    variant: Variant
    method: Method | None
    suite_seed: int
    replicate: int
    operator: Operator | None
    operators: tuple[Operator, ...] | None
    pooling: Pooling
    metrics: tuple[Metric, ...]
    isolate: bool = False
    problem: str | None = None
    each_token: bool = False
    captures: tuple[Choices, ...] = ()

    def __str__(self) -> str:
        return cell_name(self.variant, method=self.method or MODEL_ALONE, replicate=self.replicate)

    @cached_property
    def id(self) -> str:
        """A content hash: equal numbers, equal id."""
        return self._id(self.variant.parts_as_json, self.numerics)

    @cached_property
    def former_id(self) -> str | None:
        """The id that an earlier version gave it; None where that cannot be known."""
        parts = self.variant.former_parts
        return None if parts is None else self._id(_as_json(dict(parts)), [])

    @cached_property
    def numerics(self) -> list[str]:
        """The versions of the harness's numbers that it depends on, where they are not the first."""
        removes = (self.operator,) if self.operator and isinstance(self.method, SubsetMethod) else ()
        return numerics(self.variant.kinds, Asked(self.method, removes, self.variant.trains))

    def _id(self, parts: str, numerics: Sequence[str]) -> str:
        settings = (self.suite_seed, self.replicate, self.operator, self.pooling, self.isolate, self.each_token)
        explained = _explained(cast(Any, self.method), settings)  # a type checker takes frozen models for unhashable
        rest = [explained, *([_as_json(numerics)] if numerics else [])]
        return hashlib.sha256(f"[{', '.join([parts, *rest])}]".encode()).hexdigest()

    @cached_property
    def judgements(self) -> Mapping[str, Metric]:
        """The metrics that apply (of the model for the model alone, the others for explanations), by content hash.

        The operators that a metric removes features with are part of the hash where the suite names them, and the rule
        that chooses them where it names none, so that others ask for new numbers; so are the versions of the harness's
        numbers that they depend on.
        """
        mine = [
            metric
            for metric in self.metrics
            # what is said of a population of seeds is no number of any one cell
            if not isinstance(metric, PopulationMetric) and isinstance(metric, ModelMetric) == (self.method is None)
        ]
        named = self.operators
        versions = [] if self.variant.kinds is None else numerics(self.variant.kinds, Asked(None, named))
        others = [each for each in versions if each not in self.numerics]
        rule = [named or DEFAULT_OPERATORS] if named or DEFAULT_OPERATORS else []
        removing = [*rule, *([others] if others else [])]
        return {_address(metric, removing): metric for metric in mine}

    @cached_property
    def refusals(self) -> Mapping[str, str]:
        """Why judgements cannot be made here, by content hash, where that is known already."""
        refused = {}
        for digest, metric in self.judgements.items():
            if isinstance(metric, ModelMetric):
                reason = _unmet(metric, self.variant)
            else:
                reason = f"{self.method} scores parts of the network, not words" if of_components(self.method) else None
            if reason:
                refused[digest] = reason
        return refused

    @cached_property
    def outputs(self) -> Mapping[str, Choices]:
        """What raw outputs are kept of it, each by its address."""
        if self.method is None or of_components(self.method):
            return {}
        return {self.address(choices): choices for choices in self.captures}

    def address(self, choices: Choices) -> str:
        """Of raw outputs: a hash of all that decides which are asked for.

        Which class's value is read, and how, asks the network for nothing more.
        """
        removing = self.operators or DEFAULT_OPERATORS or None
        return _digest([self.id, "outputs 1", removing, choices.poolings, choices.lengths])

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """Every plugin that has a part in its numbers."""
        made = (self.variant.dataset, self.variant.model, *self.variant.chain, self.method, *self.metrics)
        return tuple(plugin for plugin in made if plugin is not None)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Everything that is computed of its attributions, by content hash."""
        return (*self.judgements, *self.outputs)

    @property
    def names(self) -> Mapping[str, str | None]:
        """What tables call its parts, which a suite may choose."""
        return {
            "dataset": str(self.variant.dataset),
            "model": str(self.variant.model),
            "chain": self.variant.chain_name,
            "method": self.method and str(self.method),
        }

    @property
    def has_own_names(self) -> bool:
        """Whether tables call any of its parts otherwise than a record does."""
        return self.variant.has_own_names or (self.method is not None and str(self.method) != self.method.written)

    @property
    def specs(self) -> Mapping[str, Any]:
        """Its parts in words, as a record keeps them: whatever a suite calls them."""
        return {
            "dataset": self.variant.dataset.written,
            "model": self.variant.model.written,
            "chain": written(self.variant.chain),
            "seed": self.variant.seed,
            "method": self.method and self.method.written,
            "operator": self.operator,
            "replicate": self.replicate,
            "target": self.variant.target,
            "granularity": self.variant.granularity,
            "pooling": self.pooling,
            "trained on": len(self.variant.training) or None,
            **({"each token": True} if self.each_token else {}),
        }


def cells_of(suite: Suite) -> list[Cell]:
    """Every cell of a suite, once, variant by variant in the order of the suite.

    What several matrices have in common is judged by the metrics of all of them.

    Raises:
        AttrimarkError: two matrices judge the same explanations under different removal operators.
    """
    cells: dict[str, Cell] = {}
    for matrix in suite.matrices:
        for variant in variants_of(matrix):
            for cell in _cells(suite, matrix, variant):
                cells[cell.id] = _together(cells[cell.id], cell) if cell.id in cells else cell
    return list(cells.values())


def _together(one: Cell, other: Cell) -> Cell:
    """The same cell of two matrices."""
    if one.method is not None and one.operators != other.operators:
        raise AttrimarkError(
            f"two matrices explain {one.variant} by {one.method}, and name different operators for its metrics: name "
            "the same operators in both, or write two suites"
        )
    return replace(one, metrics=tuple(dict.fromkeys((*one.metrics, *other.metrics))))


def variants_of(matrix: Matrix) -> Iterator[Variant]:
    """dataset × model × strategy × quantizer × seed; one seed where no step of the chain draws from it."""
    for dataset in matrix.datasets:
        for model in matrix.models:
            for chain in chains_of(matrix):
                seeded = any(isinstance(step, Strategy) and step.seeded for step in chain)
                for seed in matrix.seeds if seeded else matrix.seeds[:1]:
                    yield Variant(
                        dataset, model, chain, seed, matrix.granularity, matrix.target, matrix.explain, matrix.train
                    )


def named(chain: Chain) -> str:
    """A chain by the names of its steps, without their options: `full → nf4`."""
    return " → ".join(step.brief for step in chain) or "none"


def written(chain: Chain) -> str:
    """A chain with the options of its steps, whatever a suite calls them."""
    return " → ".join(step.written for step in chain) or "none"


def by_variant(cells: Iterable[Cell]) -> dict[Variant, list[Cell]]:
    """The same cells, grouped for the workers."""
    groups: dict[Variant, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.variant, []).append(cell)
    return groups


def splits_of(dataset: Dataset) -> Splits:
    """A dataset, loaded once a process.

    Raises:
        AttrimarkError: there is no text to explain.
    """
    return _loaded(cast(Any, dataset))  # a type checker takes frozen models for unhashable


@lru_cache(maxsize=8)
def _loaded(dataset: Dataset) -> Splits:
    splits = dataset.load()
    if not splits.test:
        raise AttrimarkError(f"{dataset} has no texts in its test split: nothing to explain")
    return splits


def chains_of(matrix: Matrix) -> Iterator[Chain]:
    """strategy × quantizer, without the steps that do nothing."""
    for steps in matrix.strategies:
        for quantizer in matrix.quantizers:
            yield tuple(step for step in (*steps, quantizer) if step.name != "none")


def _cells(suite: Suite, matrix: Matrix, variant: Variant) -> Iterator[Cell]:
    methods: list[Method | None] = [None, *matrix.methods]
    for method in methods:
        problem = _problem(variant) or (_unmet(method, variant) if method else None)
        for replicate in range(suite.replicates if method and method.stochastic else 1):
            yield Cell(
                variant=variant,
                method=method,
                suite_seed=suite.seed,
                replicate=replicate,
                operator=matrix.operator,
                operators=matrix.operators,
                pooling=matrix.pooling,
                metrics=matrix.metrics,
                isolate=suite.isolate,
                problem=problem,
                each_token=matrix.each_token,
                captures=suite.captures,
            )


def of_components(method: Method | None) -> bool:
    """Whether it scores parts of the network, of which metrics of words know nothing."""
    return isinstance(method, ModelMethod) and method.features == "components"


def _problem(variant: Variant) -> str | None:
    if not variant.model.trained and not variant.trains:
        return f"{variant.model.name} comes without a trained head: add a strategy, such as frozen"
    steps = [step for step in variant.chain if isinstance(step, Strategy)]
    return next((reason for step in steps if (reason := _unmet(step, variant))), None)


def _unmet(plugin: Strategy | Method | ModelMetric, variant: Variant) -> str | None:
    """What the plugin needs and the variant has not."""
    if "pretrained" in plugin.needs and not (variant.trains or variant.model.knows_pretrained):
        return NO_PRETRAINED
    return None


def _address(metric: Metric, removing: Sequence[Any]) -> str:
    """The hash of a judgement: the metric's own, and what else decides its numbers."""
    more = removing if isinstance(metric, SubsetMetric) else WITH_VALUES if isinstance(metric, SpanMetric) else ()
    return _digest([metric.digest, *more]) if more else metric.digest


def _digest(parts: Sequence[Any] | Mapping[str, Any]) -> str:
    return hashlib.sha256(_as_json(parts).encode()).hexdigest()


def _as_json(parts: Any) -> str:
    return json.dumps(parts, sort_keys=True, ensure_ascii=False)


@lru_cache(maxsize=1024)
def _explained(method: Method | None, settings: tuple[Any, ...]) -> str:
    """What a cell adds to its variant, as JSON: the same for all variants."""
    *rest, each_token = settings
    return _as_json(method and [dict(method.identity), *rest, *(["each token"] if each_token else [])])


@lru_cache(maxsize=64)
def _digest_of_texts(examples: tuple[Example, ...]) -> str:  # once for all seeds of a chain
    return _digest([example.plain for example in examples])
