"""What a leaderboard says: plain values, of which tables and figures are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attrimark.results.entries import RowStatus, Spend
from attrimark.results.model_metrics import banner
from attrimark.statistics.intervals import Estimate
from attrimark.statistics.verdict import Verdict

NOTHING_LEFT = 0.5  # a random ranking that gets more than this share of the best one's score leaves nothing to measure


@dataclass(frozen=True)
class Score:
    """One method by one metric.

    Attributes:
        adjusted: the least-squares mean over the families of operators that the method does not use, which makes up for
            some being harder than others; None where there is no such score. It is what orders methods.
        away, home: plain means over the families that the method does not use, and over its own.
        by_operator: the mean under each operator; "" for metrics that remove nothing.
        difference: from random, on the same seeds, texts and operators; its interval is simultaneous over the
            table.
        p: that of the difference, adjusted for the table.
        verdict: on average over seeds and texts, with the same sign under every family of operators; "higher" or
            "lower" where neither is better.
        next_seed: the probability that a newly trained network shows the same sign; None with fewer than 5 seeds.
        effect: the difference in standard deviations over texts, positive where better.
        behind: the difference from the best of the other methods, each compared under the families that neither of the
            two uses; simultaneous likewise.
        best_p: that of being shown not to be the best.
        may_be_best: whether no other method is shown to be better; None where that cannot be judged.
        scaled: its place between random (0) and the best possible (1); None where that is not known or not measurable.
        reason: why there is no score.
    """

    adjusted: Estimate | None = None
    away: float | None = None
    home: float | None = None
    by_operator: Mapping[str, float] = field(default_factory=dict)
    difference: Estimate | None = None
    p: float | None = None
    verdict: Verdict = "–"
    next_seed: float | None = None
    effect: float | None = None
    behind: Estimate | None = None
    best_p: float | None = None
    may_be_best: bool | None = None
    scaled: Estimate | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Row:
    """One method.

    Attributes:
        method: its display name; with its operator behind where the method stands there with several.
        status: "missing" where a seed or a replicate has no record yet.
        scores: by the metric's digest; empty unless ok.
    """

    method: str
    operator: str | None
    status: RowStatus
    reason: str | None
    replicates: int
    scores: Mapping[str, Score] = field(default_factory=dict)
    spend: Spend | None = None


@dataclass(frozen=True)
class Scale:
    """What a metric can show at most: from random to the best possible explanation.

    Attributes:
        random, best: their means, the two ends.
        range: best minus random.
        measurable: whether that range is more than noise.
    """

    random: float
    best: float
    range: Estimate
    measurable: bool


@dataclass(frozen=True)
class Column:
    """One metric.

    Attributes:
        higher_is_better: None where the metric describes, and neither more nor less is better.
        oracle: the value of the best possible explanation, where that is the same for every text.
        ahead: by method, those that are better than it under every family of operators that neither of the two uses.
        home_advantage: what methods score under their own families, above what the others let expect; None where no
            method is scored under its own.
        texts: how many texts have a value for every method scored.
        comparisons: how many comparisons with random its table holds.
        random_over_best: by operator, the random control's mean over the best one's (the inverse where lower
            is better): near 1 where the metric cannot tell them apart; NaN where a ratio says nothing.
        primary: whether it was named before the run, and its marks hold together with those of the other primary ones.
        margin: how far behind the best a method may be and still be recommended; None where the range has no end.
        reliability: how surely other texts would order the methods in the same way (split-half), from 0 to 1.
        with_truth: of a metric that removes words, the rank correlation over methods with the first metric that knows
            the truth; None where there is none.
        permuted: whether its marks come of the words in other orders.
        separates: whether any method is shown to be better than random.
        scale: None where there is no random, or the best possible value is not known.
    """

    digest: str
    name: str
    title: str
    higher_is_better: bool | None
    unit: str
    headline: bool
    operators: tuple[str, ...]
    ahead: Mapping[str, tuple[str, ...]]
    home_advantage: Estimate | None
    texts: int
    comparisons: int
    random_over_best: Mapping[str, float]
    primary: bool
    margin: float | None
    reliability: float | None
    with_truth: float | None
    permuted: bool
    separates: bool
    scale: Scale | None = None

    @property
    def not_measurable(self) -> tuple[str, ...]:
        """The operators under which random gets more than half of what the best method gets.

        None where a method is shown to be better than random, or the best possible value is known: what can be measured
        is then measured, and a ratio to a zero that may be arbitrary (1 − a loss; chance level) says less.
        """
        if self.separates or self.scale is not None:
            return ()
        return tuple(operator for operator, share in self.random_over_best.items() if operator and share > NOTHING_LEFT)


@dataclass(frozen=True)
class Leaderboard:
    """The methods on one dataset, model and chain, best first by the first headline metric.

    Attributes:
        setting: the other specs that all its records share: target, granularity.
        texts: how many texts all of the methods explained.
        left_out: the other texts, with the reason.
        alone: what metrics of the model alone say, averaged over seeds, by the metric's display name.
        accuracy: of the model, where it was measured.
        notes: what else a reader must know, such as seeds without any result.
    """

    dataset: str
    model: str
    chain: str
    setting: Mapping[str, Any]
    level: float
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    seeds: tuple[int | None, ...]
    texts: int
    left_out: Mapping[str, str]
    alone: Mapping[str, float] = field(default_factory=dict)
    accuracy: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def weak(self) -> bool:
        """Whether the model is known to be wrong too often for its explanations to say much."""
        return banner(self.accuracy) is not None

    @property
    def tells(self) -> bool:
        """Whether it has any number of an explanation, or any problem, to tell."""
        return bool(self.columns) or any(row.status != "ok" for row in self.rows)

    def shows(self, metric: str) -> tuple[Column, ...]:
        """The columns of the metrics of that name, whatever their options, or of that title."""
        return tuple(column for column in self.columns if metric in (column.name, column.title))

    @property
    def first(self) -> Column | None:
        """The metric that sorts it."""
        judging = (column for column in self.columns if column.headline and column.higher_is_better is not None)
        return next(judging, None)
