"""Strategies, quantizers and models compared by what is stored: metrics, distributions over words, trends over sizes.

Which strategy a network was trained with is a property of the network, so what is said of strategies is tested over
networks; tests over texts stand beside it, and speak of these checkpoints only. Nothing is trained or explained here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.shares import shares

from attrimark.results.model_metrics import accuracy_of, weak
from attrimark.results.nothing import Nothing
from attrimark.results.results import Results
from attrimark.statistics.analysis_of_covariance import AdjustedTest, compare_adjusted
from attrimark.statistics.holm import holm
from attrimark.statistics.intervals import FEWEST_SEEDS, Estimate, crossed_interval
from attrimark.statistics.item_tests import ItemTests, compare_items
from attrimark.statistics.network_permutation import Means, NetworkTest, compare_networks
from attrimark.statistics.verdict import PredictionResult
from attrimark.suite.matrix import Cell, Variant, of_components

from .claim import Claim
from .distribution_distance import Distances, compare_distances, jensen_shannon
from .factor_comparison import FactorComparison, Over
from .factors import Factor, factors
from .networks import ByText, Explanation, Network, label_of, networks
from .scale_trend import Trend, trend

Levels = Mapping[str, Sequence[Network]]

NO_CLAIM = f"a claim needs {FEWEST_SEEDS} networks of each side"


@dataclass(frozen=True)
class Compared:
    """One metric over the levels of a factor.

    Attributes:
        method: whose explanations; None for a metric of the model alone.
        means: of each level; intervals for new seeds and texts, from 5 networks on.
        texts: how many have a value in every network: means are over these. `left_out` is the number of the others.
        over_networks: the test, or why there is none.
        adjusted: the same at like explained values and lengths; or why not.
        over_texts: these checkpoints only; None where the metric has one number a network.
        trend: over models' sizes, in the place of tests.
    """

    metric: str
    method: str | None
    means: Mapping[str, Estimate]
    texts: int
    left_out: int
    over_networks: NetworkTest | str | None = None
    adjusted: AdjustedTest | str | None = None
    over_texts: ItemTests | None = None
    trend: Trend | str | None = None


@dataclass(frozen=True)
class Refused:
    """A metric that is not compared, and why."""

    metric: str
    method: str | None
    reason: str


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
        found: the difference (level − than), the slope or the excess, with its interval; NaN where there is none.
        p: by Holm, over networks: with the other differences of the metric, or the other claims about trends; None
            without a test.
        reason: why there is no test.
    """

    claim: Claim
    metric: str
    method: str | None
    found: float
    low: float
    high: float
    p: float | None
    verdict: PredictionResult
    reason: str | None = None


@dataclass(frozen=True)
class Findings:
    """All of it for one factor, all else held equal.

    Attributes:
        held: what is held equal.
        networks: how many each level has with any result.
        notes: what is missing, with the reason.
        weak: the accuracy of the models that are wrong too often, by level.
    """

    over: Over
    against: str | None
    held: str
    networks: Mapping[str, int]
    compared: tuple[Compared, ...]
    apart: tuple[Apart, ...]
    judged: tuple[Judged, ...]
    notes: tuple[str, ...]
    weak: Mapping[str, float] = field(default_factory=dict)


def findings(results: Results) -> list[Findings]:
    """One for each comparison of the suite and each setting in which its factor varies.

    Raises:
        Nothing: nothing was run yet.
        AttrimarkError: the suite compares nothing.
    """
    suite, cells = results.suite, results.cells
    comparisons = suite.asks.get("comparisons")
    if not comparisons:
        raise AttrimarkError(
            f"suite {suite.name} compares no strategies: write a table [[suites.{suite.name}.comparisons]]"
        )
    known = networks(results)
    if not known:
        raise Nothing("nothing to show: run the suite first")
    variants = dict.fromkeys(cell.variant for cell in cells)
    return [
        _findings(comparison, factor, known, cells)
        for comparison in comparisons
        for factor in factors(variants, comparison.over)
    ]


def _findings(
    comparison: FactorComparison, factor: Factor, known: Mapping[Variant, Network], cells: Sequence[Cell]
) -> Findings:
    levels = _levels(factor, known)
    mine = [cell for cell in cells if any(cell.variant in variants for variants in factor.levels.values())]
    methods = dict.fromkeys(label_of(cell) for cell in mine if _explains(cell, comparison.method))
    columns = [(metric, method) for metric in _named(comparison.metrics, mine) for method in (None, *methods)]
    found = [_compared(comparison, metric, method, levels) for metric, method in columns]
    told = [each for each in found if each is not None]
    compared = tuple(each for each in told if isinstance(each, Compared))
    refused = [each for each in told if isinstance(each, Refused)]
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
        judged=_together([each for claim in comparison.claims for each in _judged(claim, levels, told, apart)]),
        notes=tuple(dict.fromkeys([*_missing(factor, levels), *map(_note, refused)])),
        weak=weak({name: _accuracy(group) for name, group in levels.items()}),
    )


def _accuracy(group: Sequence[Network]) -> float | None:
    """The mean over networks, where it was measured."""
    told = [
        {each.metrics[name]: float(np.nanmean(list(values.values()))) for name, values in each.alone.items()}
        for each in group
    ]
    known = [each for each in map(accuracy_of, told) if each is not None]
    return float(np.mean(known)) if known else None


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


def _note(refused: Refused) -> str:
    column = f"{refused.metric}, {refused.method}" if refused.method else refused.metric
    return f"{column}: {refused.reason}"


def _explains(cell: Cell, method: str | None) -> bool:
    if cell.method is None or of_components(cell.method):
        return False
    return method is None or cell.method.goes_by(method)


def _named(names: Sequence[str], cells: Sequence[Cell]) -> list[str]:
    """Display names of the metrics that are meant, in the order in which they are asked for."""
    metrics = dict.fromkeys(metric for cell in cells for metric in cell.judgements.values())
    return list(dict.fromkeys(str(each) for name in names for each in metrics if each.goes_by(name)))


# Metrics


def _values(network: Network, metric: str, method: str | None) -> ByText | None:
    return network.alone.get(metric) if method is None else network.judged.get((method, metric))


def _compared(
    comparison: FactorComparison, metric: str, method: str | None, levels: Levels
) -> Compared | Refused | None:
    """A column compared; why it cannot be; None where there is no such column."""
    paired = comparison.over == "quantizer"
    whole = {name: [each for each in group if _values(each, metric, method)] for name, group in levels.items()}
    if not any(whole.values()):
        return None
    with_values = _seeds_of_all(whole) if paired else {name: group for name, group in whole.items() if group}
    if len(with_values) < 2 or not all(with_values.values()):
        return Refused(metric, method, "fewer than two levels have values")
    tables = {name: [_values(each, metric, method) or {} for each in group] for name, group in with_values.items()}
    texts, complete = _texts([each for group in tables.values() for each in group])
    if not complete:
        return Refused(metric, method, "no text has a value in every network")
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
    adjusted = _adjusted(method, with_values, means, complete, paired) if method else None
    return replace(made, over_networks=_tested(means, paired), adjusted=adjusted, over_texts=over_texts)


def _texts(tables: Sequence[ByText]) -> tuple[int, list[str]]:
    """How many texts there are, and those with a value in every table."""
    texts = dict.fromkeys(text for table in tables for text in table)
    return len(texts), [text for text in texts if all(np.isfinite(table.get(text, np.nan)) for table in tables)]


def _tested(means: Means, paired: bool) -> NetworkTest | str:
    try:
        return compare_networks(means, paired)
    except ValueError as reason:
        return str(reason)


def _adjusted(method: str, levels: Levels, means: Means, texts: Sequence[str], paired: bool) -> AdjustedTest | str:
    """The test at like explained values and lengths, of the input and of the text written."""
    explanations = {name: [each.explanations.get(method, {}) for each in group] for name, group in levels.items()}
    told = [[each.get(text) for text in texts] for group in explanations.values() for each in group]
    if any(each is None for row in told for each in row):
        return "not adjusted: some explanations are not stored"
    if any(each.value is None for row in told for each in row if each):
        return "not adjusted: no method of this reading asked for the explained value, as leave-one-out does"

    def mean(of: Callable[[Explanation], float | None]) -> Means:
        return {
            name: np.array([[of(each[text]) for text in texts] for each in group], dtype=np.float64).mean(axis=1)
            for name, group in explanations.items()
        }

    covariates = {
        "explained value": mean(lambda each: each.value),
        "number of features": mean(lambda each: len(each.features)),
        "number of tokens written": mean(lambda each: each.written),
    }
    try:
        return compare_adjusted(means, covariates, paired)
    except ValueError as reason:
        return f"not adjusted: {reason}"


def _trend(against: str, levels: Levels, means: Means) -> Trend | str:
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
    values = next((each for name, each in network.alone.items() if network.metrics[name].goes_by(against)), None)
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


def _judged(
    claim: Claim, levels: Levels, columns: Sequence[Compared | Refused], apart: Sequence[Apart]
) -> Iterator[Judged]:
    """The claim by each metric and method that it speaks of; where there is none, why it cannot be told."""
    of_metric = () if claim.metric is None else _by_metric(claim, claim.metric, columns, levels)
    made = [*(_by_distance(claim, apart) if claim.metric is None else of_metric)]
    if made:
        yield from made
        return
    absent = [name for name in (claim.level, claim.than) if name and not levels.get(name)]
    nothing = f"no network of {' or of '.join(absent)} has a result" if absent else "nothing of it is stored"
    yield _untold(claim, claim.metric or "distance", None, nothing)


def _by_metric(claim: Claim, metric: str, columns: Sequence[Compared | Refused], levels: Levels) -> Iterator[Judged]:
    known = {name: each for group in levels.values() for network in group for name, each in network.metrics.items()}
    # without options it is all of that name, unless a table shows exactly that one
    exactly = {metric} & {each.metric for each in columns}
    meant = exactly or {name for name, one in known.items() if one.goes_by(metric)}
    for each in columns:
        if each.metric not in meant:
            continue
        if isinstance(each, Refused):
            yield _untold(claim, each.metric, each.method, each.reason)
        elif claim.of_trend:
            yield _judged_trend(claim, each)
        else:
            yield _judged_difference(claim, each)


def _by_distance(claim: Claim, apart: Sequence[Apart]) -> Iterator[Judged]:
    wanted = {claim.level, claim.than}
    for each in apart:
        found = next((one for one in each.distances.excesses if {one.first, one.second} == wanted), None)
        if found is None:
            yield _untold(claim, "distance", each.method, "a side has fewer than two networks")
            continue
        p = found.holm_networks
        verdict, reason = claim.verdict(found.mean, p), None if p is not None else NO_CLAIM
        yield Judged(claim, "distance", each.method, found.mean, np.nan, np.nan, p, verdict, reason)


def _judged_trend(claim: Claim, compared: Compared) -> Judged:
    told = compared.trend
    if not isinstance(told, Trend):
        return _untold(claim, compared.metric, compared.method, told or "there is no trend")
    low, high = told.over_networks or (np.nan, np.nan)
    verdict, reason = "cannot be told", None if told.p_networks is not None else NO_CLAIM
    return Judged(claim, compared.metric, compared.method, told.slope, low, high, told.p_networks, verdict, reason)


def _judged_difference(claim: Claim, compared: Compared) -> Judged:
    test, means = compared.over_networks, compared.means
    for each in test.contrasts if isinstance(test, NetworkTest) else ():
        if {each.first, each.second} == {claim.level, claim.than}:
            ends = (each.mean, each.low, each.high)
            mean, low, high = ends if each.first == claim.level else (-each.mean, -each.high, -each.low)
            verdict = claim.verdict(mean, each.holm)
            return Judged(claim, compared.metric, compared.method, mean, low, high, each.holm, verdict)
    absent = [name for name in (claim.level, claim.than) if name not in means]
    if absent:
        nothing = f"no network of {' or of '.join(map(str, absent))} has a value"
        return _untold(claim, compared.metric, compared.method, nothing)
    untold = _untold(claim, compared.metric, compared.method, test if isinstance(test, str) else NO_CLAIM)
    return replace(untold, found=means[claim.level or ""].mean - means[claim.than or ""].mean)


def _untold(claim: Claim, metric: str, method: str | None, reason: str) -> Judged:
    return Judged(claim, metric, method, np.nan, np.nan, np.nan, None, "cannot be told", reason)


def _together(judged: Sequence[Judged]) -> tuple[Judged, ...]:
    """With Holm's correction over the claims about trends; differences have theirs from the tests of their metric."""
    trends = [place for place, each in enumerate(judged) if each.claim.of_trend and each.p is not None]
    corrected = dict(zip(trends, holm([judged[place].p or 0.0 for place in trends]), strict=True))
    return tuple(
        replace(each, p=corrected[place], verdict=each.claim.verdict_on_slope((each.low, each.high), corrected[place]))
        if place in corrected
        else each
        for place, each in enumerate(judged)
    )
