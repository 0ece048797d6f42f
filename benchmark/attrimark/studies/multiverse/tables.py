"""What a multiverse found, in words and tables and as JSON: how many analyses agree, which choice turns a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from attrimark.document.grid import Grid
from attrimark.document.plain import plain
from attrimark.results.model_metrics import banner
from attrimark.statistics.intervals import CROSSED
from attrimark.statistics.verdict import Verdict
from attrimark.suite.names import cell_name

from .multiverse import Multiverse
from .specification_curve import FACTORS, Curve, Finding

WORDS: Mapping[Verdict, str] = {"better": "better", "worse": "worse", "tie": "not told apart", "–": "no interval"}


def as_json(multiverse: Multiverse) -> dict[str, Any]:
    """Everything as plain data, with null where there is no number."""
    curves = [
        {
            "metric": each.metric,
            "a": each.a,
            "b": each.b,
            "says": says(each),
            "shares": {verdict: each.share(verdict) for verdict in WORDS},
            "by_level": {
                verdict: {
                    factor: {_level(level): share for level, share in levels.items()}
                    for factor, levels in each.by_level(verdict).items()
                }
                for verdict in WORDS
            },
            "different": each.different,
            "own": _plain(each.own),
            "turned": [{"by": factor, **_plain(finding)} for factor, finding in each.turned],
            "analyses": [_plain(finding) for finding in each.findings],
        }
        for each in multiverse.curves
    ]
    around = {name: value for name, value in vars(multiverse).items() if name not in ("levels", "curves")}
    return {**plain(around), "levels": plain(multiverse.levels.of), "curves": curves}


def says(curve: Curve) -> str:
    """How often the first method beats the second, and which choice turns the verdict."""
    better, worse = curve.share("better"), curve.share("worse")
    more, less = ("worse", "better") if worse > better else ("better", "worse")
    count = len(curve.findings)
    several = f"{count} analyses" if curve.different == count else f"{count} analyses ({curve.different} different)"
    if curve.share(more) == 0:
        return f"{curve.a} is told apart from {curve.b} in none of {several}."
    verb = {"better": "beats", "worse": "loses to"}[more]
    also = f" and is {less} in {_percent(curve.share(less))}" if curve.share(less) else ""
    parts = [f"{curve.a} {verb} {curve.b} in {_percent(curve.share(more))} of {several}{also}."]
    if varies := _most_varied(curve, more):
        parts.append(varies)
    parts.append(f"The suite's own analysis: {WORDS[curve.own.verdict]}.")
    if curve.turned:
        turns = [f"{factor} {_level(_of(factor, each))} ({WORDS[each.verdict]})" for factor, each in curve.turned]
        parts.append(f"One other choice turns it: {', '.join(turns)}.")
    elif curve.own.verdict != "–":
        parts.append("No single other choice turns it.")
    return " ".join(parts)


def _most_varied(curve: Curve, verdict: Verdict) -> str | None:
    """The factor over whose levels the share varies most; None where it varies over none."""
    by_level = curve.by_level(verdict)
    factor = max(by_level, key=lambda name: max(by_level[name].values()) - min(by_level[name].values()))
    ordered = sorted(by_level[factor].items(), key=lambda pair: -pair[1])
    (most, highest), (least, lowest) = ordered[0], ordered[-1]
    if highest == lowest:
        return None
    ends = f"{_percent(highest)} with {_level(most)}, {_percent(lowest)} with {_level(least)}"
    return f"It depends most on the {factor}: {ends}."


def caption(multiverse: Multiverse) -> Iterator[str]:
    """What it is of, and which choices were crossed."""
    yield cell_name(multiverse.dataset, multiverse.model, multiverse.chain)
    crossed = " × ".join(
        f"{factor} ({', '.join(map(_level, levels))})" for factor, levels in multiverse.levels.of.items()
    )
    yield f"{multiverse.texts} texts · {multiverse.seeds} seeds · {multiverse.levels.analyses} analyses: {crossed}"
    if weak := banner(multiverse.accuracy):
        yield weak
    yield from multiverse.notes


def grids(metric: str, curves: Sequence[Curve]) -> tuple[Grid, Grid]:
    """One metric's verdicts over all analyses, and by choice."""
    return _verdicts(metric, curves), _by_level(metric, curves)


def _verdicts(metric: str, curves: Sequence[Curve]) -> Grid:
    shown: tuple[Verdict, ...] = ("better", "worse", "tie")
    rows = [
        [_pair(each), *(_percent(each.share(verdict)) for verdict in shown), WORDS[each.own.verdict]] for each in curves
    ]
    header = ["method", *(WORDS[verdict] for verdict in shown), "the suite's own"]
    return Grid(f"{metric}: the share of analyses in which the first is", header, rows)


def _by_level(metric: str, curves: Sequence[Curve]) -> Grid:
    """One column for each level of a factor that has several."""
    tables = [each.by_level("better") for each in curves]
    columns = [
        (factor, level) for factor in FACTORS for level in tables[0][factor] if len(tables[0][factor]) > 1
    ]  # the same for all: one product of choices
    rows = [
        [_pair(each), *(_percent(table[factor][level]) for factor, level in columns)]
        for each, table in zip(curves, tables, strict=True)
    ]
    header = ["method", *(f"{factor}\n{_level(level)}" for factor, level in columns)]
    return Grid(f"{metric}: the share in which it is better, of the analyses with each choice", header, rows)


def footnotes(multiverse: Multiverse) -> Iterator[str]:
    """What a verdict means here."""
    for method in dict.fromkeys(each.own.difference.method for each in multiverse.curves):
        about = "new seeds and new texts" if method == CROSSED else method
        level = multiverse.curves[0].own.difference.level
        yield f"Better or worse: the {level:.0%} interval of the paired difference leaves 0 out; it speaks for {about}."
    yield (
        "The suite's own analysis is its leaderboard's: the probability of the predicted class, over the operators "
        "that neither method used itself. Intervals are those of single analyses, which are no independent tests."
    )


def _plain(finding: Finding) -> dict[str, Any]:
    analysis = dict(zip(FACTORS, finding.analysis, strict=True))
    return {**analysis, **plain(asdict(finding.difference)), "verdict": finding.verdict}


def _of(factor: str, finding: Finding) -> Any:
    return finding.analysis[FACTORS.index(factor)]


def _pair(curve: Curve) -> str:
    return f"{curve.a} against {curve.b}"


def _level(level: Any) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)


def _percent(share: float) -> str:
    """Whole percents; never 0% or 100% where it is more or less."""
    if 0 < share < 0.01:
        return "<1%"
    if 0.99 < share < 1:
        return ">99%"
    return f"{share:.0%}"
