"""How explanations vary over seeds: metrics of a population, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from attrimark_registry.plugin import PopulationMetric
from jaxtyping import Float

from attrimark.statistics.bootstrap import (
    FEWEST_TEXTS,
    SEEDS_ONLY,
    bootstrap_seeds,
    bootstrap_seeds_and_texts,
    resamples,
    with_interval,
)
from attrimark.statistics.intervals import CROSSED, NO_INTERVAL, Estimate

from .population import Population, Stack

DRAWS = 1000


def by_text(population: Population, metric: PopulationMetric, level: float = 0.95) -> Mapping[str, Estimate]:
    """The metric on each text, by the text's id; intervals speak for new seeds on that text."""
    return {
        stack.example.id: bootstrap_seeds(
            lambda weights, stack=stack: metric.value(metric.terms(_scores(stack), weights)),
            len(population.seeds),
            _generator(),
            draws=DRAWS,
            level=level,
        )
        for stack in population.stacks
    }


def over_texts(population: Population, metric: PopulationMetric, level: float = 0.95) -> Estimate:
    """The metric made of terms averaged over texts; the interval speaks for new seeds and new texts.

    NaN where no text is explained alike by all seeds.
    """
    if not population.stacks:
        return Estimate(np.nan, np.nan, np.nan, level, len(population.seeds), 0, NO_INTERVAL)
    return bootstrap_seeds_and_texts(
        lambda seeds, texts: _averaged(population.stacks, metric, seeds, texts),
        len(population.seeds),
        len(population.stacks),
        _generator(),
        draws=DRAWS,
        level=level,
    )


def ratio(one: Population, other: Population, metric: PopulationMetric, level: float = 0.95) -> Estimate:
    """How many times the other population's value the one's is, on the texts of both.

    Seeds of chains that share their training are drawn together (the same networks, quantized or not), those of
    different strategies apart; texts are drawn together always. The bootstrap is of the ratio's logarithm.
    """
    texts = {stack.example.id for stack in one.stacks} & {stack.example.id for stack in other.stacks}
    stacks = [[stack for stack in each.stacks if stack.example.id in texts] for each in (one, other)]
    fewest = min(len(one.seeds), len(other.seeds))
    if not texts:
        return Estimate(np.nan, np.nan, np.nan, level, fewest, 0, NO_INTERVAL)
    shared = one.training == other.training and one.task == other.task
    drawn = [sorted({*one.seeds, *other.seeds})] if shared else [list(one.seeds), list(other.seeds)]
    sizes = tuple(map(len, drawn))
    if len(texts) < FEWEST_TEXTS:
        seeds = resamples(_generator(), DRAWS, *sizes)
        by_text, method = np.ones((len(seeds[0]), len(texts))), SEEDS_ONLY
    else:
        sizes = (*sizes, len(texts))
        *seeds, by_text = resamples(_generator(), DRAWS, *sizes)
        method = CROSSED
    logarithms = []
    for place, (population, mine) in enumerate(zip((one, other), stacks, strict=True)):
        factor = 0 if shared else place
        columns = [drawn[factor].index(seed) for seed in population.seeds]
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithms.append(np.log(_averaged(mine, metric, seeds[factor][:, columns], by_text)))
    with np.errstate(invalid="ignore"):
        told = with_interval(logarithms[0] - logarithms[1], sizes, level, fewest, len(texts), method)
    return replace(told, mean=np.exp(told.mean), low=np.exp(told.low), high=np.exp(told.high))


def _averaged(
    stacks: Sequence[Stack],
    metric: PopulationMetric,
    seeds: Float[np.ndarray, "draws seeds"],
    texts: Float[np.ndarray, "draws texts"],
) -> Float[np.ndarray, " draws"]:
    """The value of terms averaged over the texts that have them, for each draw."""
    terms = np.stack([metric.terms(_scores(stack), seeds) for stack in stacks])
    known = np.isnan(terms).sum(axis=-1) == 0
    weights = texts.T * known
    with np.errstate(invalid="ignore"):
        mean = np.einsum("td,tdk->dk", weights, np.where(known[..., None], terms, 0)) / weights.sum(axis=0)[:, None]
    return metric.value(mean)


def _scores(stack: Stack) -> Float[np.ndarray, "seeds features"]:
    # a seed's explanation is its mean over replicates: an estimator's noise is not booked as the seed's
    return stack.scores.mean(axis=1)


def _generator() -> np.random.Generator:
    return np.random.default_rng(0)  # the same draws for every metric and chain, so that tables can be made again
