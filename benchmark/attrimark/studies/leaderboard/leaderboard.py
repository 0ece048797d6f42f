"""Records compared: for each dataset × model × chain, which method is better than random, and how surely.

Comparisons are paired: the same seeds, texts and removal operators on both sides. Two methods are compared under the
families of operators that neither of them uses, because sharing the metric's family is an advantage as large as most
differences between methods; a method's score is its least-squares mean over the families that are foreign to it.

`entries` makes arrays of records, `comparison` aligns them, `verdicts` says what they mean, `board` holds the outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from attrimark_registry.attribution import Record
from attrimark_registry.plugin import Metric

from attrimark.document.characters import as_shown
from attrimark.results.entries import Entry, Place, by_place, entries_of, seeds_of, shared_texts
from attrimark.results.model_metrics import accuracy_of, alone
from attrimark.results.nothing import Nothing
from attrimark.results.versions import mixed_versions
from attrimark.statistics.intervals import crossed_interval
from attrimark.statistics.linear_extension import linear_extension
from attrimark.statistics.reliability import split_half
from attrimark.suite.suite import MOST_OF_EXPLANATIONS, Suite

from .board import Column, Leaderboard, Row, Scale, Score
from .comparison import Comparison, compared
from .pareto import costs
from .truth import means_of, truth_first, with_truth
from .verdicts import scores_of


def leaderboards(
    records: Sequence[Record],
    metrics: Mapping[str, Metric],
    level: float = 0.95,
    primary: Sequence[str] = (),
    margin: float = Suite.margin,
) -> list[Leaderboard]:
    """One leaderboard for each dataset × model × chain, in the order of the records.

    Args:
        metrics: by digest, in the order of the columns; measures of other metrics are not shown.
        level: of each method's own interval, and of the comparisons of a board's primary metrics together.
        primary: names of the metrics that were chosen before the run; by default the first three of the headline.
        margin: how far behind the best a recommended method may be, as a share of the range from random to the best
            possible value.

    Raises:
        Nothing: there are no records of methods.
        AttrimarkError: two records cannot be told apart by their specs.
    """
    boards = [
        _board(place, group, metrics, level, primary, margin)
        for place, group in by_place(records).items()
        if any(record.specs["method"] is not None for record in group)
    ]
    if not boards:
        raise Nothing("nothing to show: run the suite first")
    return boards


def _board(
    place: Place,
    records: Sequence[Record],
    metrics: Mapping[str, Metric],
    level: float,
    primary: Sequence[str],
    margin: float,
) -> Leaderboard:
    explaining = [record for record in records if record.specs["method"] is not None]
    models = [record for record in records if record.specs["method"] is None]
    seeds, notes = seeds_of(explaining)
    entries = entries_of(explaining, seeds)
    ok = [entry for entry in entries if entry.status[0] == "ok"]
    texts, left_out = shared_texts(ok)
    columns, scores = _columns(ok, texts, metrics, level, primary, margin)
    rows = [
        Row(
            entry.label,
            entry.operator,
            *entry.status,
            replicates=len(entry.replicates),
            scores={digest: of_column[entry.label] for digest, of_column in scores.items()} if entry in ok else {},
            spend=entry.spend if entry in ok else None,
        )
        for entry in entries
    ]
    of_model = alone(models, metrics)
    board = Leaderboard(
        dataset=place.dataset,
        model=place.model,
        chain=place.chain,
        setting=dict(place.setting),
        level=level,
        columns=columns,
        rows=tuple(rows),
        seeds=seeds,
        texts=len(texts),
        left_out=left_out,
        alone={str(metric): mean for metric, mean in of_model.items()},
        accuracy=accuracy_of(of_model),
        notes=(*notes, *mixed_versions(records), *_refused(models, metrics), *_warnings(explaining)),
    )
    return best_first(board)


def _warnings(records: Sequence[Record]) -> list[str]:
    """What methods say of their scores on this network: each method once, whatever the seeds."""
    first: dict[str, str] = {}
    for record in records:
        if "warning" in record.network:
            first.setdefault(str(record.specs["method"]), record.network["warning"])
    return [f"{method}: {warning}" for method, warning in first.items()]


def _columns(
    entries: Sequence[Entry],
    texts: Sequence[str],
    metrics: Mapping[str, Metric],
    level: float,
    primary: Sequence[str],
    margin: float,
) -> tuple[tuple[Column, ...], Mapping[str, Mapping[str, Score]]]:
    """The metrics that judged any method, and by digest each method's score."""
    comparisons = {
        digest: compared(entries, digest, texts) for digest in metrics if any(entry.knows(digest) for entry in entries)
    }
    comparisons, truth = truth_first(comparisons, metrics)
    means = {digest: means_of(comparison) for digest, comparison in comparisons.items()}
    first = primary_of({digest: metrics[digest] for digest in comparisons}, primary)
    columns, scores = [], {}
    for digest, comparison in comparisons.items():
        metric = metrics[digest]
        pairs = None if metric.higher_is_better is None else comparison.pairs(metric.higher_is_better)
        scores[digest], scale = scores_of(
            comparison, entries, metric, pairs, level, len(first) if digest in first else 1
        )
        advantage = comparison.home_advantage()
        column = Column(
            digest=digest,
            name=metric.name,
            title=str(metric),
            higher_is_better=metric.higher_is_better,
            unit=metric.unit,
            headline=metric.headline,
            operators=comparison.operators,
            ahead=pairs.above if pairs else {},
            home_advantage=None if advantage is None else crossed_interval(advantage, level),
            texts=len(comparison.texts),
            comparisons=len(comparison.differences()),
            random_over_best=_random_over_best(comparison, metric.higher_is_better),
            primary=digest in first,
            margin=_margin(metric, comparison, scale, margin),
            reliability=split_half(np.array(list(means[digest].values()))) if means[digest] else None,
            with_truth=with_truth(means[digest], means[truth]) if truth and any(comparison.operators) else None,
            permuted=bool(comparison.orders),
            separates=any(score.verdict == "better" for score in scores[digest].values()),
            scale=scale,
        )
        columns.append(column)
    return tuple(columns), scores


def primary_of(metrics: Mapping[str, Metric], named: Sequence[str]) -> tuple[str, ...]:
    """The digests of the primary metrics: those named, else the first of the headline that say what is better."""
    judging = {digest: metric for digest, metric in metrics.items() if metric.higher_is_better is not None}
    chosen = [digest for digest, metric in judging.items() if any(metric.goes_by(name) for name in named)]
    headline = [digest for digest, metric in judging.items() if metric.headline]
    return tuple((chosen or headline)[:MOST_OF_EXPLANATIONS])


def _margin(metric: Metric, comparison: Comparison, scale: Scale | None, share: float) -> float | None:
    """In units of the metric; None where there is no random, or no best possible value."""
    if metric.higher_is_better is None or comparison.control is None:
        return None
    random = comparison.scores[comparison.control].mean
    best = scale.best if scale else metric.bounds[1 if metric.higher_is_better else 0]
    return None if random is None or not np.isfinite(best) else share * abs(best - random)


def _random_over_best(comparison: Comparison, higher_is_better: bool | None) -> dict[str, float]:
    if comparison.control is None or higher_is_better is None:
        return {}
    means = {label: grid.mean(axis=(0, 1)).tolist() for label, grid in comparison.values.items()}
    best = map(max if higher_is_better else min, zip(*means.values(), strict=True))
    ratios = {}
    for operator, control, top in zip(comparison.operators, means[comparison.control], best, strict=True):
        above, below = (control, top) if higher_is_better else (top, control)
        ratios[operator] = above / below if below > 0 else np.nan
    return ratios


def best_first(board: Leaderboard) -> Leaderboard:
    """Sorted by the first headline metric, as tables show it, the cheaper of two that look alike before the other.

    None is before one that is better under every family of operators that neither of the two uses. Then those without a
    score, then those that are not ok.
    """
    first, spent = board.first, costs(board)

    def key(row: Row) -> tuple[int, float, float]:
        if row.status != "ok":
            return 2, 0.0, 0.0
        adjusted = row.scores[first.digest].adjusted if first else None
        if first is None or adjusted is None:
            return 1, 0.0, 0.0
        shown = as_shown(-adjusted.mean if first.higher_is_better else adjusted.mean)
        return 0, shown, spent.get(row.method, np.inf)

    rows = {row.method: row for row in board.rows}
    order = linear_extension({label: key(row) for label, row in rows.items()}, first.ahead if first else {})
    return replace(board, rows=tuple(rows[label] for label in order))


def _refused(records: Iterable[Record], metrics: Mapping[str, Metric]) -> tuple[str, ...]:
    """Metrics of the model that have no number, with the reason."""
    told = {
        f"{metrics[digest]}: {status}: {reason}": None
        for record in records
        for digest, (status, reason) in record.metric_status.items()
        if digest in metrics and status != "ok"
    }
    return tuple(told)
