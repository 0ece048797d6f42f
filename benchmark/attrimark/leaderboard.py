"""Records compared: for each dataset × model × chain, which method is better than random, and how surely.

Comparisons are paired: the same seeds, texts and removal operators on both sides. A method's score is its
*away score*, the mean over the operators that it did not use itself, because sharing the metric's operator is
an advantage larger than most differences between methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, Literal

import numpy as np
from attrimark_registry.attribution import Cost, Measure, Record
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.plugin import Metric
from attrimark_registry.removal import OPERATORS
from jaxtyping import Bool, Float

from .statistics import Estimate, crossed_interval, simultaneous_level

Verdict = Literal["better", "worse", "tie", "–"]
RowStatus = Literal["ok", "unsupported", "failed", "missing"]

CONTROL = "random"
WEAK = 0.85  # explanations of a model that is wrong more often say little about its task

_WITHIN = ("seed", "method", "operator", "replicate")  # specs that vary within a board
_NAMED = ("dataset", "model", "chain")


@dataclass(frozen=True)
class Score:
    """One method by one metric.

    Attributes:
        away: over the operators that the method did not use; None where there is no such score.
        home: the mean under the method's own operator, where the metric was scored under it.
        by_operator: the mean under each operator; "" for metrics that remove nothing.
        difference: from random, on the same seeds, texts and operators; its interval is simultaneous over the
            table.
        reason: why there is no score.
    """

    away: Estimate | None = None
    home: float | None = None
    by_operator: Mapping[str, float] = field(default_factory=dict)
    difference: Estimate | None = None
    verdict: Verdict = "–"
    reason: str | None = None


@dataclass(frozen=True)
class Spend:
    """Mean own cost of one explanation; the peak is of the longest text, and None where no record tells it."""

    seconds: float
    forwards: float
    backwards: float
    tokens: float
    gflops: float
    peak_megabytes: float | None


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
class Column:
    """One metric.

    Attributes:
        texts: how many texts have a value for every method scored.
        comparisons: how many comparisons with random its table holds.
        random_over_best: by operator, the random control's mean over the best one's (the inverse where lower
            is better): near 1 where the metric cannot tell them apart; NaN where a ratio says nothing.
    """

    digest: str
    name: str
    title: str
    higher_is_better: bool
    unit: str
    headline: bool
    operators: tuple[str, ...]
    texts: int
    comparisons: int
    random_over_best: Mapping[str, float]


@dataclass(frozen=True)
class Leaderboard:
    """The methods on one dataset, model and chain, best first by the first headline metric.

    Attributes:
        setting: the other specs that all its records share: target, granularity.
        texts: how many texts all of the methods explained.
        left_out: the other texts, with the reason.
        alone: what metrics of the model alone say, averaged over seeds, by the metric's display name.
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
    notes: tuple[str, ...] = ()

    @property
    def weak(self) -> bool:
        """Whether the model is known to be wrong too often for its explanations to say much."""
        return self.accuracy is not None and self.accuracy < WEAK

    @property
    def accuracy(self) -> float | None:
        """The model's own, where it was measured."""
        return self.alone.get("accuracy")


def leaderboards(records: Sequence[Record], metrics: Mapping[str, Metric], level: float = 0.95) -> list[Leaderboard]:
    """One leaderboard for each dataset × model × chain, in the order of the records.

    Args:
        metrics: by digest, in the order of the columns; measures of other metrics are not shown.
        level: of each method's own interval, and of all comparisons of a table together.

    Raises:
        AttrimarkError: there are no records of methods; two records cannot be told apart by their specs.
    """
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        setting = sorted(pair for pair in record.specs.items() if pair[0] not in (*_NAMED, *_WITHIN))
        key = (*(record.specs[name] for name in _NAMED), tuple(setting))
        groups.setdefault(key, []).append(record)
    boards = [
        _board(key, group, metrics, level)
        for key, group in groups.items()
        if any(record.specs["method"] is not None for record in group)
    ]
    if not boards:
        raise AttrimarkError("nothing to show: run the suite first")
    return boards


@dataclass(frozen=True, eq=False)
class _Entry:
    """A row in the making: the records of one method on the board's seeds."""

    label: str
    method: str
    operator: str | None
    records: Mapping[tuple[Any, Any], Record]  # by seed and replicate
    seeds: tuple[Any, ...]

    @property
    def replicates(self) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(replicate for _, replicate in self.records))

    @cached_property
    def status(self) -> tuple[RowStatus, str | None]:
        """How its cells ended: one that is not ok is enough, for averages would not be paired."""
        ended = [record for record in self.records.values() if record.status != "ok"]
        if ended:
            worst = next((record for record in ended if record.status == "failed"), ended[0])
            some = f"{len(ended)} of {len(self.records)} cells: " if len(ended) < len(self.records) else ""
            return worst.status, some + (worst.reason or "no reason was recorded")
        absent = [pair for pair in product(self.seeds, self.replicates) if pair not in self.records]
        if absent:
            seeds = ", ".join(dict.fromkeys(str(seed) for seed, _ in absent))
            return "missing", f"no result yet for seed {seeds}"
        return "ok", None

    @cached_property
    def explained(self) -> set[str] | None:
        """The texts that every cell has measures of; None where nothing was measured."""
        sets = [{each.example for each in record.measures} for record in self.records.values()]
        known = [texts for texts in sets if texts]
        return set.intersection(*known) if known else None

    @cached_property
    def measures(self) -> Mapping[str, Sequence[tuple[Any, Measure]]]:
        """By the metric's digest, each with its seed."""
        found: dict[str, list[tuple[Any, Measure]]] = {}
        for (seed, _), record in self.records.items():
            for each in record.measures:
                found.setdefault(each.metric, []).append((seed, each))
        return found

    @property
    def spend(self) -> Spend | None:
        """Own cost over explanations: records hold sums over the texts that were explained."""
        count = sum(len({each.example for each in record.measures}) for record in self.records.values())
        if count == 0:
            return None
        total = sum((record.own for record in self.records.values()), Cost())
        return Spend(
            seconds=total.seconds / count,
            forwards=total.forwards / count,
            backwards=total.backwards / count,
            tokens=total.tokens / count,
            gflops=total.flops / count / 1e9,
            peak_megabytes=None if total.peak is None else total.peak / 1e6,
        )

    def values(
        self, digest: str, texts: Sequence[str], operators: Sequence[str]
    ) -> Float[np.ndarray, "seeds texts operators"]:
        """Means over replicates; NaN where a value is missing or does not apply, infinite where invalid."""
        places = [{name: place for place, name in enumerate(axis)} for axis in (self.seeds, texts, operators)]
        total = np.zeros((len(self.seeds), len(texts), len(operators)))
        count = np.zeros_like(total)
        for seed, each in self.measures.get(digest, ()):
            if each.example in places[1]:
                place = places[0][seed], places[1][each.example], places[2][each.operator]
                if each.value is not None:
                    total[place] += each.value if np.isfinite(each.value) else np.inf
                    count[place] += 1
        whole = (count == len(self.replicates)) | np.isinf(total)
        return np.where(whole, total / np.maximum(count, 1), np.nan)


@dataclass(frozen=True, eq=False)
class _Comparison:
    """One metric over the methods that can be averaged, on the texts that have a value for all of them.

    Attributes:
        reasons: of the methods that have no score.
    """

    operators: tuple[str, ...]
    values: Mapping[str, Float[np.ndarray, "seeds texts operators"]]
    reasons: Mapping[str, str]
    control: str | None

    def pairs(self, entries: Sequence[_Entry]) -> int:
        """The number of methods that are compared with random."""
        if self.control is None:
            return 0
        compared = [each for each in entries if each.label in self.values and each.label != self.control]
        return sum(bool(self.away(each).any()) for each in compared)

    def away(self, entry: _Entry) -> Bool[np.ndarray, " operators"]:
        """Which operators the method did not use itself."""
        return np.array([operator != entry.operator for operator in self.operators], dtype=bool)


def _board(key: tuple[Any, ...], records: Sequence[Record], metrics: Mapping[str, Metric], level: float) -> Leaderboard:
    dataset, model, chain, setting = key
    explaining = [record for record in records if record.specs["method"] is not None]
    models = [record for record in records if record.specs["method"] is None]
    seeds, notes = _seeds(explaining)
    entries = _entries(explaining, seeds)
    ok = [entry for entry in entries if entry.status[0] == "ok"]
    texts, left_out = _texts(ok)
    shown = {digest: metric for digest, metric in metrics.items() if any(_has(entry, digest) for entry in ok)}
    compared = {digest: _compare(ok, digest, texts) for digest in shown}
    comparisons = {
        table: sum(compared[digest].pairs(ok) for digest, metric in shown.items() if metric.headline is table)
        for table in (True, False)
    }
    scores: dict[str, dict[str, Score]] = {
        entry.label: {
            digest: _score(entry, compared[digest], metric, level, comparisons[metric.headline])
            for digest, metric in shown.items()
        }
        for entry in ok
    }
    columns = tuple(
        _column(digest, metric, compared[digest], comparisons[metric.headline]) for digest, metric in shown.items()
    )
    rows = [
        Row(
            entry.label,
            entry.operator,
            *entry.status,
            replicates=len(entry.replicates),
            scores=scores.get(entry.label, {}),
            spend=entry.spend if entry in ok else None,
        )
        for entry in entries
    ]
    return Leaderboard(
        dataset=dataset,
        model=model,
        chain=chain,
        setting=dict(setting),
        level=level,
        columns=columns,
        rows=tuple(_sorted(rows, columns)),
        seeds=seeds,
        texts=len(texts),
        left_out=left_out,
        alone=_alone(models, metrics),
        notes=(*notes, *_refused(models, metrics)),
    )


def _seeds(records: Iterable[Record]) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """The seeds that any method explained, and what became of the others: their training failed, say."""
    reasons: dict[Any, str | None] = {}
    explained = set()
    for record in records:
        reasons.setdefault(record.specs["seed"], record.reason)
        if record.status == "ok":
            explained.add(record.specs["seed"])
    ordered = sorted(reasons, key=lambda seed: (seed is None, seed))
    if not explained:
        return tuple(ordered), ()
    notes = tuple(f"seed {seed} left out: {reasons[seed]}" for seed in ordered if seed not in explained)
    return tuple(seed for seed in ordered if seed in explained), notes


def _entries(records: Iterable[Record], seeds: tuple[Any, ...]) -> list[_Entry]:
    """One for each method; one for each of its operators where it was run with several."""
    methods: dict[str, list[Record]] = {}
    for record in records:
        if record.specs["seed"] in seeds:
            methods.setdefault(record.specs["method"], []).append(record)
    entries = []
    for method, group in methods.items():
        # a cell that did not run may not know yet which operator would have been its default
        operators = list(dict.fromkeys(each.specs["operator"] for each in group if each.status == "ok"))
        for operator in operators or [group[0].specs["operator"]]:
            label = f"{method} [{operator}]" if len(operators) > 1 else method
            own = [each for each in group if each.status != "ok" or each.specs["operator"] == operator]
            entries.append(_Entry(label, method, operator, _by_seed_and_replicate(label, own), seeds))
    return entries


def _by_seed_and_replicate(label: str, records: Iterable[Record]) -> dict[tuple[Any, Any], Record]:
    found: dict[tuple[Any, Any], Record] = {}
    for record in records:
        pair = record.specs["seed"], record.specs["replicate"]
        if found.setdefault(pair, record) is not record:
            raise AttrimarkError(
                f"two results of {label} for seed {pair[0]} would share a line of a table: "
                "put their matrices into separate suites"
            )
    return found


def _texts(entries: Sequence[_Entry]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The texts that every method explained, and why the others are left out."""
    seen: dict[str, dict[str, str]] = {}
    for entry in entries:
        for record in entry.records.values():
            for each in record.measures:
                seen.setdefault(each.example, {})
            for example, reason in record.left_out.items():
                seen.setdefault(example, {})[entry.label] = reason
    known = {entry.label: entry.explained for entry in entries if entry.explained is not None}
    left_out = {}
    for example, reasons in seen.items():
        missing = [label for label, explained in known.items() if example not in explained]
        if missing or reasons:
            label = next(iter(reasons), missing[0] if missing else "")
            shared = len(reasons) == len(entries)
            reason = reasons.get(label, "not measured")
            left_out[example] = reason if shared else f"{label}: {reason}"
    return tuple(example for example in seen if example not in left_out), left_out


def _has(entry: _Entry, digest: str) -> bool:
    return digest in entry.measures or any(digest in each.metric_status for each in entry.records.values())


def _compare(entries: Sequence[_Entry], digest: str, texts: Sequence[str]) -> _Comparison:
    used = {each.operator for entry in entries for _, each in entry.measures.get(digest, ())}
    operators = tuple(operator for operator in ("", *OPERATORS) if operator in used)
    values: dict[str, np.ndarray] = {}
    reasons: dict[str, str] = {}
    for entry in entries:
        grid = entry.values(digest, texts, operators)
        if reason := _unscored(entry, digest, grid):
            reasons[entry.label] = reason
        else:
            values[entry.label] = grid
    if values:
        complete = np.isfinite(np.stack(list(values.values()))).all(axis=(0, 1, 3))
        values = {label: grid[:, complete] for label, grid in values.items()}
        if not complete.any():
            reasons |= dict.fromkeys(values, "no text has a value for every method")
            values = {}
    control = next((each.label for each in entries if _is_control(each) and each.label in values), None)
    return _Comparison(operators, values, reasons, control)


def _unscored(entry: _Entry, digest: str, grid: Float[np.ndarray, "seeds texts operators"]) -> str | None:
    """Why a method has no score, if so."""
    for record in entry.records.values():
        status, reason = record.metric_status.get(digest, ("ok", None))
        if status != "ok":
            return f"{status}: {reason}"
    if grid.size == 0 or digest not in entry.measures:
        return "not measured"
    invalid = int(np.isinf(grid).any(axis=(0, 2)).sum())
    if invalid:
        return f"invalid: NaN or infinite on {invalid} of {grid.shape[1]} texts"
    if np.isnan(grid).all(axis=1).any():
        return "does not apply"
    return None


def _is_control(entry: _Entry) -> bool:
    return entry.method.partition("(")[0] == CONTROL


def _score(entry: _Entry, comparison: _Comparison, metric: Metric, level: float, comparisons: int) -> Score:
    if entry.label not in comparison.values:
        return Score(reason=comparison.reasons[entry.label])
    grid = comparison.values[entry.label]
    means = dict(zip(comparison.operators, grid.mean(axis=(0, 1)).tolist(), strict=True))
    home = means.get(entry.operator) if entry.operator else None
    away = comparison.away(entry)
    if not away.any():
        return Score(home=home, by_operator=means, reason="scored under its own removal operator only")
    own = grid[:, :, away].mean(axis=2)
    difference = None
    if comparison.control and comparison.control != entry.label:
        control = comparison.values[comparison.control][:, :, away].mean(axis=2)
        difference = crossed_interval(own - control, simultaneous_level(level, comparisons))
    return Score(
        away=crossed_interval(own, level),
        home=home,
        by_operator=means,
        difference=difference,
        verdict=_verdict(difference, metric.higher_is_better),
    )


def _verdict(difference: Estimate | None, higher_is_better: bool) -> Verdict:
    if difference is None or np.isnan(difference.low):
        return "–"
    if difference.low <= 0 <= difference.high:
        return "tie"
    return "better" if (difference.low > 0) is higher_is_better else "worse"


def _column(digest: str, metric: Metric, comparison: _Comparison, comparisons: int) -> Column:
    ratios = {}
    if comparison.control:
        means = {label: grid.mean(axis=(0, 1)).tolist() for label, grid in comparison.values.items()}
        best = max if metric.higher_is_better else min
        pairs = zip(means[comparison.control], map(best, zip(*means.values(), strict=True)), strict=True)
        for operator, (control, top) in zip(comparison.operators, pairs, strict=True):
            above, below = (control, top) if metric.higher_is_better else (top, control)
            ratios[operator] = above / below if below > 0 else np.nan
    return Column(
        digest=digest,
        name=metric.name,
        title=str(metric),
        higher_is_better=metric.higher_is_better,
        unit=metric.unit,
        headline=metric.headline,
        operators=comparison.operators,
        texts=next((grid.shape[1] for grid in comparison.values.values()), 0),
        comparisons=comparisons,
        random_over_best=ratios,
    )


def _sorted(rows: Sequence[Row], columns: Sequence[Column]) -> list[Row]:
    """Best first by the first headline metric; then those without a score, then those that are not ok."""
    first = next((column for column in columns if column.headline), None)

    def place(row: Row) -> tuple[int, float]:
        if row.status != "ok":
            return 2, 0.0
        away = row.scores[first.digest].away if first else None
        if first is None or away is None:
            return 1, 0.0
        return 0, -away.mean if first.higher_is_better else away.mean

    return sorted(rows, key=place)


def _alone(records: Iterable[Record], metrics: Mapping[str, Metric]) -> dict[str, float]:
    """What metrics of the model say: the mean over texts and seeds of each, by its display name."""
    values: dict[str, list[float]] = {}
    for record in records:
        for each in record.measures:
            if each.metric in metrics and each.value is not None and np.isfinite(each.value):
                values.setdefault(str(metrics[each.metric]), []).append(each.value)
    return {name: float(np.mean(found)) for name, found in values.items()}


def _refused(records: Iterable[Record], metrics: Mapping[str, Metric]) -> tuple[str, ...]:
    """Metrics of the model that have no number, with the reason."""
    told = {
        f"{metrics[digest]}: {status}: {reason}": None
        for record in records
        for digest, (status, reason) in record.metric_status.items()
        if digest in metrics and status != "ok"
    }
    return tuple(told)
