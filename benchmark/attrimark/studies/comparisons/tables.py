"""What comparing strategies, quantizers or models found, in words and tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from attrimark.document.estimates import interval, number
from attrimark.document.grid import Grid
from attrimark.document.plain import plain
from attrimark.statistics.analysis_of_covariance import APART, AdjustedContrast, AdjustedTest
from attrimark.statistics.intervals import FEWEST_SEEDS
from attrimark.statistics.item_tests import THESE_ONLY
from attrimark.statistics.network_permutation import NetworkTest
from attrimark.suite.names import MODEL_ALONE

from .claim import ERROR
from .comparison import Apart, Compared, Findings, Judged
from .scale_trend import Trend

PLURAL = {"strategy": "strategies", "quantizer": "quantizers", "model": "models"}


def as_json(found: Findings) -> dict[str, Any]:
    """Everything as plain data, with null where there is no number."""
    judged = [{**vars(each), "claim": each.claim.model_dump()} for each in found.judged]
    return plain({**asdict(replace(found, judged=())), "judged": judged})


def p_value(p: float | None) -> str:
    """Two digits that count; a dash where there is no test."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.2g}"


def _is(p: float | None) -> str:
    told = p_value(p)
    return f"p {told}" if told.startswith("<") else f"p = {told}"


def tables(found: Findings) -> Iterator[Grid]:
    """Means, tests over networks and over texts (or trends), distances of distributions.

    A table may have no rows: where every claim is refused, its sentences say why.
    """
    for method in dict.fromkeys(each.method for each in found.compared):
        mine = [each for each in found.compared if each.method == method]
        name = method or MODEL_ALONE
        yield _means(found.over, name, mine)
        if found.against:
            yield _trends(name, found.against, mine)
        else:
            yield from _over_networks(name, mine)
            yield from _over_texts(name, mine)
    for apart in found.apart:
        yield from _distances(found.over, apart)


def _means(over: str, name: str, compared: Sequence[Compared]) -> Grid:
    levels = list(dict.fromkeys(level for each in compared for level in each.means))
    rows = []
    for level in levels:
        mine = [each.means.get(level) for each in compared]
        networks = max(each.seeds for each in mine if each)
        rows.append([level, str(networks), *(interval(each) if each else "–" for each in mine)])
    told = [f"{each.metric}: {_texts(each)}." for each in compared if each.left_out]
    title = (
        f"{name}: means by {over}, 95 % intervals for new seeds and texts (texts only below {FEWEST_SEEDS} networks)"
    )
    return Grid(title, [over, "networks", *(each.metric for each in compared)], rows, told=told)


def _texts(compared: Compared) -> str:
    whole = compared.texts + compared.left_out
    return f"{compared.texts} of {whole} texts; {compared.left_out} have no value in some network, and are left out"


def _over_networks(name: str, compared: Sequence[Compared]) -> Iterator[Grid]:
    """Differences with their tests, plain and adjusted; what is refused is said below."""
    rows, told = [], []
    for each in compared:
        adjusted = each.adjusted if isinstance(each.adjusted, AdjustedTest) else None
        if isinstance(each.over_networks, NetworkTest):
            rows += list(_contrasts(each.metric, each.over_networks, adjusted))
            told += list(_about(each.metric, each.over_networks))
        else:
            told.append(f"{each.metric}: no claim: {each.over_networks}. What stands below are {THESE_ONLY}.")
        if isinstance(each.adjusted, str) and isinstance(each.over_networks, NetworkTest):
            told.append(f"{each.metric}: {each.adjusted}.")
    header = ["difference", "mean [95 %]", "Hedges' g", "p", "p, Holm"]
    adjusted = [each.adjusted for each in compared if isinstance(each.adjusted, AdjustedTest)]
    if adjusted:
        header += ["adjusted mean [95 %]", "p, Holm, adjusted"]
        told += list(_about_adjusted(adjusted))
    if any(isinstance(each.over_networks, NetworkTest) and not each.over_networks.exact for each in compared):
        told.append("Of more than 10,000 relabelings of networks, 10,000 were drawn; of fewer, all were counted.")
    shown = [row[: len(header)] for row in rows]
    yield Grid(f"{name}: differences over networks, for new networks on these texts", header, shown, told=told)


def _contrasts(metric: str, test: NetworkTest, adjusted: AdjustedTest | None) -> Iterator[list[str]]:
    for place, each in enumerate(test.contrasts):
        cells = [f"{number(each.mean)} [{number(each.low)}, {number(each.high)}]", number(each.effect)]
        other = adjusted.contrasts[place] if adjusted else None
        after = [_adjusted(other), p_value(other.holm)] if other else ["–", "–"]
        yield [f"{each.first} − {each.second}, {metric}", *cells, p_value(each.p), p_value(each.holm), *after]


def _adjusted(contrast: AdjustedContrast) -> str:
    mean = number(contrast.mean)
    return mean if contrast.mean != contrast.mean else f"{mean} {_ends((contrast.low, contrast.high))}"


def _about(metric: str, test: NetworkTest) -> Iterator[str]:
    if test.p is not None:
        yield (f"{metric}: all alike? {_is(test.p)}; {test.share:.0%} of the variance of networks is between levels.")
    compared = {name for each in test.contrasts for name in (each.first, each.second)}
    few = [f"{name} ({count})" for name, count in test.networks.items() if name not in compared]
    if few:
        yield f"{metric}: no claim about {', '.join(few)}: a claim needs {FEWEST_SEEDS} networks."
    if test.least > ERROR:
        yield f"{metric}: with so few networks no p by Holm below {p_value(test.least)} is possible: add seeds."


def _about_adjusted(tests: Sequence[AdjustedTest]) -> Iterator[str]:
    """For what differences are adjusted, and where that is a line drawn on."""
    covariates = " and ".join(dict.fromkeys(name for test in tests for name in test.covariates))
    yield f"Adjusted: the difference between networks of like {covariates}, by an analysis of covariance over networks."
    alike = [name for name in tests[0].alike if all(name in test.alike for test in tests)]
    if alike:
        yield f"Alike in all networks, and adjusting nothing: {', '.join(alike)}."
    told: dict[tuple[str, str], list[float]] = {}
    for contrast in (each for test in tests for each in test.contrasts):
        told.setdefault((contrast.first, contrast.second), []).append(contrast.told)
    for (first, second), shares in told.items():
        if max(shares) >= APART:
            yield (
                f"{first} and {second} have hardly any networks of like {covariates}, which tells them apart by "
                f"{max(shares):.1%} of the variance: their adjusted differences are those of lines drawn on, and have "
                "no p."
            )


def _over_texts(name: str, compared: Sequence[Compared]) -> Iterator[Grid]:
    rows, told = [], []
    for each in compared:
        tests = each.over_texts
        if tests is None:
            continue
        for contrast in tests.contrasts:
            label = f"{contrast.first} − {contrast.second}, {each.metric}"
            numbers = [number(contrast.median), number(contrast.rank_biserial)]
            rows.append([label, *numbers, p_value(contrast.p), p_value(contrast.holm)])
        if tests.friedman is not None:
            told.append(
                f"{each.metric}: Friedman's χ² = {number(tests.friedman)}, {_is(tests.p)}, Kendall's W = "
                f"{number(tests.kendall_w or 0.0)}, {tests.texts} texts: {THESE_ONLY}."
            )
    if rows:
        header = ["difference", "median", "rank-biserial", "p, Wilcoxon", "p, Holm"]
        yield Grid(f"{name}: differences over texts: {THESE_ONLY}", header, rows, told=told)


def _distances(over: str, apart: Apart) -> Iterator[Grid]:
    found = apart.distances
    told = [
        "0: the same shares of all words; 1: no word in common. On the diagonal, two seeds of one level.",
        f"Over {found.texts} texts; all networks explain the same label or text on {apart.same_target} of them"
        + (
            f"; {apart.left_out} more are left out, not explained by all or with other words."
            if apart.left_out
            else "."
        ),
    ]
    rows = [[name, *map(number, row)] for name, row in zip(found.levels, found.table, strict=True)]
    title = f"{apart.method}: Jensen–Shannon distances between distributions over words, of different seeds"
    yield Grid(title, [over, *found.levels], rows, told=told)
    if found.same_seed:
        rows = [[name, *map(number, row)] for name, row in zip(found.levels, found.same_seed, strict=True)]
        yield Grid(f"{apart.method}: the same distances, of the same seed", [over, *found.levels], rows)
    if found.excesses:
        yield _excesses(apart)


def _excesses(apart: Apart) -> Grid:
    rows = [
        [
            f"{each.first}, {each.second}",
            number(each.mean),
            *map(p_value, (each.p_networks, each.holm_networks, each.p_texts, each.holm_texts)),
        ]
        for each in apart.distances.excesses
    ]
    told = []
    if any(each.p_networks is None for each in apart.distances.excesses):
        told.append(f"No claim where a side has fewer than {FEWEST_SEEDS} networks: p over texts are {THESE_ONLY}.")
    if apart.distances.least is not None and apart.distances.least > ERROR:
        told.append(f"With so few networks no p by Holm below {p_value(apart.distances.least)} is possible: add seeds.")
    header = ["between", "excess", "p, networks", "p, networks, Holm", "p, texts", "p, texts, Holm"]
    title = f"{apart.method}: distance beyond that of two seeds (p over texts: {THESE_ONLY})"
    return Grid(title, header, rows, told=told)


def _trends(name: str, against: str, compared: Sequence[Compared]) -> Grid:
    rows, told = [], []
    for each in compared:
        if not isinstance(each.trend, Trend):
            told.append(f"{each.metric}: no trend: {each.trend}.")
            continue
        trend = each.trend
        ends = [_ends(trend.over_networks), _ends(trend.over_models)]
        p = [p_value(trend.p_networks), p_value(trend.p_models)]
        rows.append([each.metric, number(trend.slope), *ends, number(trend.spearman), *p])
        if trend.p_networks is None:
            told.append(f"{each.metric}: no claim about new networks: each model needs {FEWEST_SEEDS}.")
        if trend.least_models > ERROR:
            least = p_value(trend.least_models)
            told.append(f"{each.metric}: with {len(trend.sizes)} models no p over models below {least} is possible.")
    sizes = next((each.trend.sizes for each in compared if isinstance(each.trend, Trend)), {})
    told.insert(0, f"{against}: {', '.join(f'{model} {size:,.0f}' for model, size in sizes.items())}.")
    header = ["metric", "slope", "95 %, new seeds", "95 %, other models", "Spearman's ρ", "p, networks", "p, models"]
    return Grid(f"{name}: change for each doubling of {against}", header, rows, told=told)


def _ends(ends: tuple[float, float] | None) -> str:
    return f"[{number(ends[0])}, {number(ends[1])}]" if ends else "–"


def came_true(judged: Judged) -> str:
    """A claim, its verdict, and what it rests on."""
    claim = judged.claim
    what = f"the slope of {judged.metric}" if claim.of_trend else f"{judged.metric} of {claim.level} − {claim.than}"
    if claim.metric is None:
        what = f"the distance of {claim.level} and {claim.than} beyond that of two seeds"
    ends = "" if judged.low != judged.low else f" [{number(judged.low)}, {number(judged.high)}]"
    p = "" if judged.p is None else f", {_is(judged.p)} by Holm over networks"
    known = "" if judged.found != judged.found else f" is {number(judged.found)}{ends}{p}"
    why = "," if judged.reason is None else f": {judged.reason};"
    by = f" ({judged.method})" if judged.method else ""
    return f"Predicted: {claim.says}. {judged.verdict.capitalize()}: {what}{known}{why} expected {claim.expect}{by}."
