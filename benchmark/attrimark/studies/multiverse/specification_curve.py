"""Two methods compared in every analysis that a set of choices allows, and which choices turn the verdict.

Crossing all defensible choices is a multiverse analysis (Steegen, Tuerlinckx, Gelman & Vanpaemel, Perspectives on
Psychological Science, 2016); what it gives, sorted, is a specification curve (Simonsohn, Simmons & Nelson, 2015; Nature
Human Behaviour, 2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from attrimark_registry.reading import Reading
from jaxtyping import Float

from attrimark.results.scores import foreign, over_families
from attrimark.statistics.intervals import Estimate, crossed_interval, two_sided_p
from attrimark.statistics.ties import resolved
from attrimark.statistics.verdict import Verdict
from attrimark.suite.choices import Pooling

FACTORS = ("operator", "value", "pooling", "length", "class")
AWAY = "away"  # a leaderboard's operators: the mean over those that neither method used itself


class Analysis(NamedTuple):
    """One way to compare: a level of each of the factors, in their order."""

    operator: str
    value: Reading
    pooling: Pooling
    length: float
    whose: str


@dataclass(frozen=True)
class Levels:
    """The levels of each factor that are crossed; the fields are in the factors' order."""

    operators: tuple[str, ...]
    values: tuple[Reading, ...]
    poolings: tuple[Pooling, ...]
    lengths: tuple[float, ...]
    classes: tuple[str, ...]

    @property
    def analyses(self) -> int:
        """How many there are."""
        return prod(map(len, self.of.values()))

    @property
    def of(self) -> Mapping[str, tuple[Any, ...]]:
        """By factor."""
        return dict(zip(FACTORS, vars(self).values(), strict=True))


@dataclass(frozen=True)
class Finding:
    """What one analysis says: the paired difference, first minus second."""

    analysis: Analysis
    difference: Estimate
    verdict: Verdict


@dataclass(frozen=True)
class Curve:
    """Two methods by one metric.

    Attributes:
        findings: one for each analysis.
        different: how many of them rest on different numbers. A choice may make no difference, as pooling makes none
            between methods that score words.
        own: the analysis of the suite's leaderboard. It is none of the others, as its operators are a mean.
        beside: analyses that differ from it by one choice, with the factor that differs.
    """

    metric: str
    a: str
    b: str
    findings: tuple[Finding, ...]
    different: int
    own: Finding
    beside: tuple[tuple[str, Finding], ...]

    def share(self, verdict: Verdict) -> float:
        """The share of the analyses that end so."""
        return _share(self.findings, verdict)

    def by_level(self, verdict: Verdict) -> Mapping[str, Mapping[Any, float]]:
        """For each level of each factor: the share of the analyses with it that end so."""
        return {
            factor: {
                level: _share([each for each in self.findings if each.analysis[place] == level], verdict)
                for level in dict.fromkeys(each.analysis[place] for each in self.findings)
            }
            for place, factor in enumerate(FACTORS)
        }

    @property
    def turned(self) -> tuple[tuple[str, Finding], ...]:
        """Those beside the suite's own analysis that end otherwise."""
        if self.own.verdict == "–":
            return ()
        return tuple((factor, each) for factor, each in self.beside if each.verdict != self.own.verdict)


# by reading and class; in the order of the levels
Values = Mapping[tuple[Reading, str], Float[np.ndarray, "seeds texts operators poolings lengths"]]


@dataclass(frozen=True, eq=False)
class Contestant:
    """A method by one metric, of which higher is better.

    Attributes:
        home: the operators that it uses itself.
    """

    label: str
    home: frozenset[str]
    values: Values


def curve(metric: str, a: Contestant, b: Contestant, levels: Levels, own: Analysis, level: float = 0.95) -> Curve:
    """The first against the second in every analysis, each with an interval over seeds and texts.

    Intervals are of single analyses: a multiverse describes how a verdict depends on choices, and is no test of all.

    Args:
        own: the analysis of the leaderboard, its operator `AWAY`; its value and class need not be among the levels.
    """
    away = foreign(levels.operators, a.home, b.home)
    known: dict[bytes, tuple[Estimate, Verdict]] = {}
    sides = ((key, resolved({"a": values, "b": b.values[key]})) for key, values in a.values.items())
    pairs = {key: same["a"] - same["b"] for key, same in sides}

    def found(analysis: Analysis) -> Finding:
        operators = away if analysis.operator == AWAY else [name == analysis.operator for name in levels.operators]
        chosen = [name for name, kept in zip(levels.operators, operators, strict=True) if kept]
        place = levels.poolings.index(analysis.pooling), levels.lengths.index(analysis.length)
        grid = pairs[analysis.value, analysis.whose][:, :, operators, *place]
        # where every operator is one method's own, no text has a value
        difference = over_families(grid, chosen, np.ones(len(chosen), dtype=bool))
        content = np.ascontiguousarray(difference).tobytes()
        if content not in known:
            estimate = crossed_interval(difference, level)
            known[content] = estimate, _verdict(difference, estimate)
        return Finding(analysis, *known[content])

    findings = tuple(found(Analysis(*each)) for each in product(*levels.of.values()))
    return Curve(
        metric=metric,
        a=a.label,
        b=b.label,
        findings=findings,
        different=len(known),  # before any other analysis is made
        own=found(own),
        beside=tuple((factor, found(each)) for factor, each in _one_choice_away(own, levels)),
    )


def _one_choice_away(own: Analysis, levels: Levels) -> Iterator[tuple[str, Analysis]]:
    """An analysis with one other choice each, and the factor that differs."""
    for field, (factor, choices) in zip(Analysis._fields, levels.of.items(), strict=True):
        for choice in choices:
            if choice != getattr(own, field):
                yield factor, own._replace(**{field: choice})


def _verdict(difference: Float[np.ndarray, "seeds texts"], estimate: Estimate) -> Verdict:
    """By the interval; where all differences are alike, and there is none, by the test that stands in for it."""
    if not np.isnan(estimate.low):
        apart = not estimate.low <= 0 <= estimate.high
    elif np.isnan(p := two_sided_p(difference)):
        return "–"
    else:
        apart = p < 1 - estimate.level
    return "tie" if not apart else "better" if estimate.mean > 0 else "worse"


def _share(findings: Sequence[Finding], verdict: Verdict) -> float:
    return sum(each.verdict == verdict for each in findings) / len(findings)
