"""What seeds, strategies and quantizers do to models and to their explanations: read from what a suite has stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from attrimark_registry.attribution import Record
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.plugin import Method, Metric, PopulationMetric
from jaxtyping import Float

from attrimark.results.model_metrics import accuracy_of
from attrimark.results.nothing import Nothing
from attrimark.results.results import Results
from attrimark.results.scores import scores, scores_of_network
from attrimark.statistics.intervals import Estimate
from attrimark.statistics.verdict import PredictionResult
from attrimark.suite.matrix import Cell, named

from .decomposition import Decomposition, answer, decompose
from .equivalence import Equivalence, Selection, equivalent, judges
from .population import Population, populations
from .prediction import Prediction
from .variation import by_text, over_texts, ratio


@dataclass(frozen=True)
class Spread:
    """A metric of the model over seeds."""

    mean: float
    sd: float
    seeds: int


@dataclass(frozen=True)
class Models:
    """The models of one chain.

    Attributes:
        steps: the chain by the names of its steps; `chain` has their options too.
        trained: how many seeds have a model.
        figures: by the metric's display name, over the seeds kept.
        accuracy: the mean of these, where it was measured.
        selection: which seeds are kept, where a suite asks for equivalent ones.
    """

    steps: str
    chain: str
    trained: int
    figures: Mapping[str, Spread]
    accuracy: float | None
    selection: Selection | None = None


@dataclass(frozen=True)
class Variation:
    """One method's explanations of a chain's models, over its seeds.

    Attributes:
        values: by the metric's display name, over texts.
        by_text: the same on each text, by its id.
    """

    steps: str
    method: str
    seeds: tuple[int, ...]
    values: Mapping[str, Estimate]
    by_text: Mapping[str, Mapping[str, Estimate]]
    left_out: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """Where the variance of one method's scores comes from; or why that cannot be said."""

    method: str
    says: str
    decomposition: Decomposition | None = None


@dataclass(frozen=True)
class Foretold:
    """One prediction by one metric and method, and what came of it."""

    prediction: Prediction
    method: str
    metric: str
    ratio: Estimate
    verdict: PredictionResult


@dataclass(frozen=True)
class Stability:
    """All of it for one dataset and model.

    Attributes:
        readings: what it changes to explain a logit instead of the log-odds.
        populations: what everything here is computed from; for figures.
    """

    dataset: str
    model: str
    models: tuple[Models, ...]
    variations: tuple[Variation, ...]
    answers: tuple[Answer, ...]
    readings: tuple[str, ...]
    foretold: tuple[Foretold, ...]
    populations: tuple[Population, ...] = field(repr=False)


def stabilities(results: Results) -> list[Stability]:
    """One for each dataset and model of which several seeds were explained, in the order of the suite.

    Raises:
        Nothing: no two seeds of a chain were explained yet.
        AttrimarkError: the suite measures no population of seeds.
    """
    suite, cells = results.suite, results.cells
    metrics = {str(metric): metric for cell in cells for metric in cell.metrics if isinstance(metric, PopulationMetric)}
    if not metrics:
        raise AttrimarkError(
            f"suite {suite.name} asks for no metric of a population of seeds: add one to its metrics, such as noise"
        )
    found = populations(results)
    if not found:
        raise Nothing("nothing to show: no chain has explanations of two seeds yet; run the suite first")
    return [
        _stability(task, [cell for cell in cells if _task(cell) == task], found, metrics, results)
        for task in dict.fromkeys(population.task for population in found)
    ]


def _stability(
    task: tuple[str, str],
    cells: Sequence[Cell],
    found: Sequence[Population],
    metrics: Mapping[str, PopulationMetric],
    results: Results,
) -> Stability:
    models = tuple(_models(cells, results))
    kept = {each.chain: each.selection.seeds for each in models if each.selection}
    whole = [population for population in found if population.task == task]
    chosen = [each.among(kept.get(each.variant.chain_name, each.seeds)) for each in whole]
    chosen = tuple(population for population in chosen if len(population.seeds) > 1)
    answers = _answers(whole)
    return Stability(
        dataset=task[0],
        model=task[1],
        models=models,
        variations=tuple(_variation(population, metrics) for population in chosen),
        answers=tuple(answers.values()),
        readings=tuple(_readings(answers)),
        foretold=tuple(_foretold(results.suite.asks.get("predictions", ()), chosen, metrics)),
        populations=chosen,
    )


def _task(cell: Cell) -> tuple[str, str]:
    return str(cell.variant.dataset), str(cell.variant.model)


# The models


def _models(cells: Sequence[Cell], results: Results) -> Iterator[Models]:
    """Each chain's models, by what metrics of the model say of them."""
    alone = [cell for cell in cells if cell.method is None]
    rule = results.suite.asks.get("equivalent")
    chains: dict[str, list[Cell]] = {}
    for cell in alone:
        chains.setdefault(cell.variant.chain_name, []).append(cell)
    for chain, group in chains.items():
        ok = {cell.variant.seed: (cell, record) for cell in group if (record := results.ok(cell))}
        selection = equivalent(_correct(ok, rule), rule) if rule else None
        kept = [pair for seed, pair in ok.items() if selection is None or seed in selection.seeds]
        spreads = {metric: _spread(kept, digest) for digest, metric in _judgements(group).items()}
        figures = {str(metric): each for metric, each in spreads.items()}
        accuracy = accuracy_of({metric: each.mean for metric, each in spreads.items()})
        yield Models(named(group[0].variant.chain), chain, len(ok), figures, accuracy, selection)


def _judgements(cells: Sequence[Cell]) -> dict[str, Metric]:
    return {digest: metric for cell in cells for digest, metric in cell.judgements.items()}


def _spread(kept: Sequence[tuple[Cell, Record]], digest: str) -> Spread:
    found = [scores_of_network(record, digest).mean for _, record in kept]
    means = [mean for mean in found if mean is not None]
    if not means:
        return Spread(np.nan, np.nan, 0)
    return Spread(float(np.mean(means)), float(np.std(means, ddof=1)) if len(means) > 1 else np.nan, len(means))


def _correct(found: Mapping[int, tuple[Cell, Record]], rule: Equivalence) -> dict[int, Float[np.ndarray, " texts"]]:
    """For each seed whether it is right, on the texts of the split that the rule names."""
    judged = (
        digest for cell, _ in found.values() for digest, each in cell.judgements.items() if judges(each, rule.split)
    )
    records = {(seed, None): record for seed, (_, record) in found.items()}
    array = scores(records, next(judged, ""))
    return dict(zip(array.seeds, array.by_text, strict=True))


# Their explanations


def _variation(population: Population, metrics: Mapping[str, PopulationMetric]) -> Variation:
    each = {name: by_text(population, metric) for name, metric in metrics.items()}
    texts = [stack.example.id for stack in population.stacks]
    return Variation(
        steps=population.steps,
        method=str(population.method),
        seeds=population.seeds,
        values={name: over_texts(population, metric) for name, metric in metrics.items()},
        by_text={text: {name: estimates[text] for name, estimates in each.items()} for text in texts},
        left_out=population.left_out,
        notes=population.notes,
    )


def _answers(found: Sequence[Population]) -> dict[Method, Answer]:
    """By method: a decomposition over the strategies and quantizers that are crossed, with all their seeds."""
    answers = {}
    for method in dict.fromkeys(population.method for population in found):
        try:
            texts = _crossed([population for population in found if population.method == method])
            made = decompose(texts, np.random.default_rng(0), stochastic=method.stochastic)
        except ValueError as reason:
            answers[method] = Answer(str(method), f"not decomposed: {reason}")
        else:
            answers[method] = Answer(str(method), answer(made), made)
    return answers


def _readings(answers: Mapping[Method, Answer]) -> Iterator[str]:
    """For methods that explain both the logit and the log-odds: what of the seed's share each of them sees."""
    for logit, one in answers.items():
        other = answers.get(logit.model_copy(update={"reading": "log-odds"}))
        if logit.reading == "logit" and other and one.decomposition and other.decomposition:
            shares = [each.decomposition.seed.share for each in (one, other) if each.decomposition]
            yield (
                f"{other.method}: seeds make {shares[0]:.0%} of the variance where the logit is explained, and "
                f"{shares[1]:.0%} where the log-odds are. A logit also moves with what is added to all labels' logits "
                "alike, which changes no probability."
            )


def _crossed(found: Sequence[Population]) -> list[Float[np.ndarray, "strategies seeds quantizers replicates _"]]:
    """The scores of each text in every network of a balanced design: strategies × seeds within × quantizers.

    Raises:
        ValueError: no strategy was run with every quantizer, or no text was explained in all networks.
    """
    quantizers = list(dict.fromkeys(population.quantizers for population in found))
    strategies: dict[object, dict[object, Population]] = {}
    for population in found:
        strategies.setdefault(population.training, {})[population.quantizers] = population
    whole = [by_quantizer for by_quantizer in strategies.values() if len(by_quantizer) == len(quantizers)]
    if not whole:
        raise ValueError("no strategy has explanations with every quantizer")
    shared = [_shared([set(each.seeds) for each in by_quantizer.values()]) for by_quantizer in whole]
    fewest = min(map(len, shared))
    networks = [
        [by_quantizer[quantizer].among(sorted(seeds)[:fewest]) for quantizer in quantizers]
        for by_quantizer, seeds in zip(whole, shared, strict=True)
    ]
    texts = _shared([{stack.example.id for stack in each.stacks} for row in networks for each in row])
    made = []
    for text in sorted(texts):
        rows = [[_scores_of(each, text) for each in row] for row in networks]
        made.append(np.array(rows).swapaxes(1, 2))
    if not made:
        raise ValueError("no text was explained by every network")
    return made


def _shared(sets: Sequence[set[Any]]) -> set[Any]:
    return set.intersection(*sets)


def _scores_of(population: Population, text: str) -> Float[np.ndarray, "seeds replicates features"]:
    return next(stack.scores for stack in population.stacks if stack.example.id == text)


def _foretold(
    predictions: Sequence[Prediction], found: Sequence[Population], metrics: Mapping[str, PopulationMetric]
) -> Iterator[Foretold]:
    for prediction in predictions:
        for name, metric in metrics.items():
            if not metric.goes_by(prediction.metric):
                continue
            for one in found:
                other = next(
                    (each for each in found if each.method == one.method and each.steps == prediction.than), None
                )
                if one.steps != prediction.chain or other is None:
                    continue
                if prediction.method is None or one.method.goes_by(prediction.method):
                    told = ratio(one, other, metric)
                    yield Foretold(prediction, str(one.method), name, told, prediction.verdict(told))
