"""Strategies, quantizers and models compared by what is stored: metrics, distributions over words, trends over sizes.

Which strategy a network was trained with is a property of the network, so what is said of strategies is tested over
networks; tests over texts stand beside it, and speak of these checkpoints only. Nothing is trained or explained here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.shares import shares
from jaxtyping import Float

from attrimark.matrix import Cell, Variant, cells_of, of_components
from attrimark.stability.prediction import Verdict
from attrimark.statistics.adjusted_means import adjusted_means
from attrimark.statistics.intervals import Estimate, crossed_interval
from attrimark.statistics.item_tests import ItemTests, compare_items
from attrimark.statistics.network_permutation import NetworkTest, compare_networks
from attrimark.store import Store
from attrimark.suite import Suite

from .claim import Claim
from .distribution_distance import Distances, compare_distances, jensen_shannon
from .factor_comparison import FactorComparison, Over
from .factors import Factor, factors
from .networks import ByText, Network, label_of, networks
from .scale_trend import Trend, trend

Levels = Mapping[str, Sequence[Network]]
Grids = Mapping[str, Float[np.ndarray, "networks texts"]]


@dataclass(frozen=True)
class Compared:
    """One metric over the levels of a factor.

    Attributes:
        method: whose explanations; None for a metric of the model alone.
        means: of each level; intervals for new seeds and texts, from 5 networks on.
        texts: how many have a value in every network: means are over these. `left_out` is the number of the others.
        over_networks: the test, or why there is none.
        adjusted: the same for networks' means adjusted for the explained value and the number of words; or why not.
        over_texts: these checkpoints only; None where the metric has one number a network.
        trend: over models' sizes, in the place of tests.
    """

    metric: str
    method: str | None
    means: Mapping[str, Estimate]
    texts: int
    left_out: int
    over_networks: NetworkTest | str | None = None
    adjusted: NetworkTest | str | None = None
    over_texts: ItemTests | None = None
    trend: Trend | str | None = None


@dataclass(frozen=True)
class Apart:
    """Distances of one method's distributions over words.

    Attributes:
        left_out: texts that some network did not explain, or whose words are not the same for all.
        same_target: how many of the texts compared are explained for the same label (or text written) by all networks.
    """

    method: str
    distances: Distances
    left_out: int
    same_target: int


@dataclass(frozen=True)
class Judged:
    """A claim, and what came of it by one metric and method.

    Attributes:
        found: the difference (level − than), the slope or the excess; with its interval where there is one.
        p: by Holm, over networks; None without a test, or for a trend.
    """

    claim: Claim
    metric: str
    method: str | None
    found: float
    low: float
    high: float
    p: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Findings:
    """All of it for one factor, all else held equal.

    Attributes:
        held: what is held equal.
        networks: how many each level has with any result.
        notes: what is missing, with the reason.
    """

    over: Over
    against: str | None
    held: str
    networks: Mapping[str, int]
    compared: tuple[Compared, ...]
    apart: tuple[Apart, ...]
    judged: tuple[Judged, ...]
    notes: tuple[str, ...]


def findings(suite: Suite, store: Store) -> list[Findings]:
    """One for each comparison of the suite and each setting in which its factor varies.

    Raises:
        AttrimarkError: the suite compares nothing, or nothing was run yet.
    """
    if not suite.comparisons:
        raise AttrimarkError(
            f"suite {suite.name} compares no strategies: write a table [[suites.{suite.name}.comparisons]]"
        )
    cells = cells_of(suite)
    known = networks(cells, store)
    if not known:
        raise AttrimarkError("nothing to show: run the suite first")
    variants = dict.fromkeys(cell.variant for cell in cells)
    return [
        _findings(comparison, factor, known, cells)
        for comparison in suite.comparisons
        for factor in factors(variants, comparison.over)
    ]


def _findings(
    comparison: FactorComparison, factor: Factor, known: Mapping[Variant, Network], cells: Sequence[Cell]
) -> Findings:
    levels = _levels(factor, known)
    mine = [cell for cell in cells if any(cell.variant in variants for variants in factor.levels.values())]
    methods = dict.fromkeys(label_of(cell) for cell in mine if _explains(cell, comparison.method))
    columns = [(metric, method) for metric in _named(comparison.metrics, mine) for method in (None, *methods)]
    told = [_compared(comparison, metric, method, levels) for metric, method in columns]
    compared = tuple(each for each in told if isinstance(each, Compared))
    apart = (
        () if comparison.against else tuple(filter(None, (_apart(method, levels, factor.over) for method in methods)))
    )
    return Findings(
        over=comparison.over,
        against=comparison.against,
        held=factor.held,
        networks={name: len(group) for name, group in levels.items()},
        compared=compared,
        apart=apart,
        judged=tuple(_judged(comparison.claims, compared, apart)),
        notes=tuple(dict.fromkeys([*_missing(factor, levels), *(each for each in told if isinstance(each, str))])),
    )


def _levels(factor: Factor, known: Mapping[Variant, Network]) -> Levels:
    """The networks that there are; where quantizers are compared, of the seeds that each of them has."""
    levels = {name: [known[each] for each in found if each in known] for name, found in factor.levels.items()}
    return (
        _seeds_of_all(levels) if factor.over == "quantizer" else {name: each for name, each in levels.items() if each}
    )


def _seeds_of_all(levels: Levels) -> Levels:
    shared = set.intersection(*({each.variant.seed for each in group} for group in levels.values()))
    return {
        name: sorted((each for each in group if each.variant.seed in shared), key=lambda each: each.variant.seed)
        for name, group in levels.items()
    }


def _missing(factor: Factor, levels: Levels) -> Iterator[str]:
    for name, variants in factor.levels.items():
        group = levels.get(name, ())
        if len(group) < len(variants):
            yield f"{name}: {len(group)} of {len(variants)} networks are compared; of the others something is missing"
        for each in group:
            yield from (f"{name}, seed {each.variant.seed}: {note}" for note in each.notes)


def _explains(cell: Cell, method: str | None) -> bool:
    if cell.method is None or of_components(cell.method):
        return False
    return method in (None, cell.method.name, str(cell.method))


def _named(names: Sequence[str], cells: Sequence[Cell]) -> list[str]:
    """Display names of the metrics that are meant, in the order in which they are asked for."""
    metrics = dict.fromkeys(metric for cell in cells for metric in cell.judgements.values())
    return list(dict.fromkeys(str(each) for name in names for each in metrics if name in (each.name, str(each))))


# Metrics


def _values(network: Network, metric: str, method: str | None) -> ByText | None:
    return network.alone.get(metric) if method is None else network.judged.get((method, metric))


def _compared(comparison: FactorComparison, metric: str, method: str | None, levels: Levels) -> Compared | str | None:
    """A column compared; why it cannot be; None where there is no such column."""
    paired = comparison.over == "quantizer"
    whole = {name: [each for each in group if _values(each, metric, method)] for name, group in levels.items()}
    if not any(whole.values()):
        return None
    with_values = _seeds_of_all(whole) if paired else {name: group for name, group in whole.items() if group}
    column = f"{metric}, {method}" if method else metric
    if len(with_values) < 2 or not all(with_values.values()):
        return f"{column}: fewer than two levels have values"
    tables = {name: [_values(each, metric, method) or {} for each in group] for name, group in with_values.items()}
    texts, complete = _texts([each for group in tables.values() for each in group])
    if not complete:
        return f"{column}: no text has a value in every network"
    grids = {name: np.array([[each[text] for text in complete] for each in group]) for name, group in tables.items()}
    means = {name: grid.mean(axis=1) for name, grid in grids.items()}
    made = Compared(
        metric=metric,
        method=method,
        means={name: crossed_interval(grid) for name, grid in grids.items()},
        texts=len(complete),
        left_out=texts - len(complete),
    )
    if comparison.against:
        return replace(made, trend=_trend(comparison.against, with_values, means))
    over_texts = compare_items({name: grid.mean(axis=0) for name, grid in grids.items()}) if len(complete) > 1 else None
    adjusted = _adjusted(method, with_values, grids, complete, paired) if method else None
    return replace(made, over_networks=_tested(means, paired), adjusted=adjusted, over_texts=over_texts)


def _texts(tables: Sequence[ByText]) -> tuple[int, list[str]]:
    """How many texts there are, and those with a value in every table."""
    texts = dict.fromkeys(text for table in tables for text in table)
    return len(texts), [text for text in texts if all(np.isfinite(table.get(text, np.nan)) for table in tables)]


def _tested(means: Mapping[str, Float[np.ndarray, " _"]], paired: bool) -> NetworkTest | str:
    try:
        return compare_networks(means, paired)
    except ValueError as reason:
        return str(reason)


def _adjusted(method: str, levels: Levels, grids: Grids, texts: Sequence[str], paired: bool) -> NetworkTest | str:
    """The test of means adjusted for the explained value and the number of words."""
    explanations = [each.explanations.get(method, {}) for group in levels.values() for each in group]
    if not all(text in each for each in explanations for text in texts):
        return "not adjusted: some explanations are not stored"
    values = [[each[text].value for text in texts] for each in explanations]
    if any(value is None for row in values for value in row):
        return "not adjusted: no method of this reading asked for the explained value, as leave-one-out does"
    lengths = [[len(each[text].features) for text in texts] for each in explanations]
    means = adjusted_means(np.concatenate(list(grids.values())), np.array([values, lengths], dtype=np.float64))
    ends = np.cumsum([len(grid) for grid in grids.values()])[:-1]
    return _tested(dict(zip(grids, np.split(means, ends), strict=True)), paired)


def _trend(against: str, levels: Levels, means: Mapping[str, Float[np.ndarray, " _"]]) -> Trend | str:
    sizes = {}
    for name, group in levels.items():
        told = [_size(each, against) for each in group]
        if any(size is None for size in told):
            return f"{against} is not known of all networks of {name}"
        sizes[name] = float(np.mean(np.array(told, dtype=np.float64)))
    try:
        return trend(sizes, means)
    except ValueError as reason:
        return str(reason)


def _size(network: Network, against: str) -> float | None:
    values = next((each for name, each in network.alone.items() if against in (name, name.partition("(")[0])), None)
    return float(np.mean(list(values.values()))) if values else None


# Distributions over words


def _apart(method: str, levels: Levels, over: Over) -> Apart | None:
    whole = {name: [each for each in group if each.explanations.get(method)] for name, group in levels.items()}
    paired = over == "quantizer"
    explained = _seeds_of_all(whole) if paired else {name: group for name, group in whole.items() if group}
    if len(explained) < 2 or not all(explained.values()):
        return None
    tables = [each.explanations[method] for group in explained.values() for each in group]
    texts = dict.fromkeys(text for table in tables for text in table)
    stacks = [[table[text] for table in tables] for text in texts if all(text in table for table in tables)]
    alike = [stack for stack in stacks if len({each.features for each in stack}) == 1]
    if not alike:
        return None
    distances = np.array([jensen_shannon(np.array([shares(each.scores) for each in stack])) for stack in alike])
    sizes = {name: len(group) for name, group in explained.items()}
    return Apart(
        method=method,
        distances=compare_distances(distances, sizes, paired),
        left_out=len(texts) - len(alike),
        same_target=sum(len({each.explained for each in stack}) == 1 for stack in alike),
    )


# Claims


def _judged(claims: Sequence[Claim], compared: Sequence[Compared], apart: Sequence[Apart]) -> Iterator[Judged]:
    shown = {each.metric for each in compared}
    for claim in claims:
        for each in compared:
            # without options it is all of that name, unless tables show one just so
            name = each.metric if claim.metric in shown else each.metric.partition("(")[0]
            if claim.metric != name:
                continue
            if claim.of_trend:
                if isinstance(each.trend, Trend):
                    yield _judged_trend(claim, each, each.trend)
            elif claim.level in each.means and claim.than in each.means:
                yield _judged_difference(claim, each)
        for each in apart:
            if claim.metric is None and claim.level in each.distances.levels and claim.than in each.distances.levels:
                yield _judged_excess(claim, each)


def _judged_trend(claim: Claim, compared: Compared, told: Trend) -> Judged:
    low, high = told.over_networks or (np.nan, np.nan)
    verdict = claim.verdict_on_slope(told.over_networks)
    return Judged(claim, compared.metric, compared.method, told.slope, low, high, None, verdict)


def _judged_difference(claim: Claim, compared: Compared) -> Judged:
    test = compared.over_networks
    for each in test.contrasts if isinstance(test, NetworkTest) else ():
        if {each.first, each.second} == {claim.level, claim.than}:
            ends = (each.mean, each.low, each.high)
            mean, low, high = ends if each.first == claim.level else (-each.mean, -each.high, -each.low)
            verdict = claim.verdict(mean, each.holm)
            return Judged(claim, compared.metric, compared.method, mean, low, high, each.holm, verdict)
    mean = compared.means[claim.level or ""].mean - compared.means[claim.than or ""].mean
    return Judged(claim, compared.metric, compared.method, mean, np.nan, np.nan, None, claim.verdict(mean, None))


def _judged_excess(claim: Claim, apart: Apart) -> Judged:
    wanted = {claim.level, claim.than}
    found = next((each for each in apart.distances.excesses if {each.first, each.second} == wanted), None)
    mean, p = (found.mean, found.holm_networks) if found else (np.nan, None)
    return Judged(claim, "distance", apart.method, mean, np.nan, np.nan, p, claim.verdict(mean, p))
