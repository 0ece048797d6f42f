"""Records compared: for each dataset × model × chain, which method is better than random, and how surely.

Comparisons are paired: the same seeds, texts and removal operators on both sides. A method's score is its
*away score*, the mean over the operators that it did not use itself, because sharing the metric's operator is
an advantage larger than most differences between methods.

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

from .board import Column, Leaderboard, Row, Scale, Score
from .comparison import Comparison, compared
from .pareto import costs
from .verdicts import scores_of


def leaderboards(records: Sequence[Record], metrics: Mapping[str, Metric], level: float = 0.95) -> list[Leaderboard]:
    """One leaderboard for each dataset × model × chain, in the order of the records.

    Args:
        metrics: by digest, in the order of the columns; measures of other metrics are not shown.
        level: of each method's own interval, and of all comparisons of a table together.

    Raises:
        Nothing: there are no records of methods.
        AttrimarkError: two records cannot be told apart by their specs.
    """
    boards = [
        _board(place, group, metrics, level)
        for place, group in by_place(records).items()
        if any(record.specs["method"] is not None for record in group)
    ]
    if not boards:
        raise Nothing("nothing to show: run the suite first")
    return boards


def _board(place: Place, records: Sequence[Record], metrics: Mapping[str, Metric], level: float) -> Leaderboard:
    explaining = [record for record in records if record.specs["method"] is not None]
    models = [record for record in records if record.specs["method"] is None]
    seeds, notes = seeds_of(explaining)
    entries = entries_of(explaining, seeds)
    ok = [entry for entry in entries if entry.status[0] == "ok"]
    texts, left_out = shared_texts(ok)
    columns, scores = _columns(ok, texts, metrics, level)
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
    entries: Sequence[Entry], texts: Sequence[str], metrics: Mapping[str, Metric], level: float
) -> tuple[tuple[Column, ...], Mapping[str, Mapping[str, Score]]]:
    """The metrics that judged any method, and by digest each method's score."""
    comparisons = {
        digest: compared(entries, digest, texts) for digest in metrics if any(entry.knows(digest) for entry in entries)
    }
    pairs = {digest: len(each.differences()) for digest, each in comparisons.items()}
    columns, scores = [], {}
    for digest, comparison in comparisons.items():
        metric = metrics[digest]
        beside = [pairs[each] for each in pairs if metrics[each].headline is metric.headline]
        scores[digest], scale = scores_of(comparison, entries, metric, level, sum(map(bool, beside)))
        columns.append(_column(digest, metric, comparison, sum(beside), scale))
    return tuple(columns), scores


def _column(digest: str, metric: Metric, comparison: Comparison, comparisons: int, scale: Scale | None) -> Column:
    return Column(
        digest=digest,
        name=metric.name,
        title=str(metric),
        higher_is_better=metric.higher_is_better,
        unit=metric.unit,
        headline=metric.headline,
        operators=comparison.operators,
        neutral=tuple(np.array(comparison.operators)[comparison.neutral].tolist()),
        texts=len(comparison.texts),
        comparisons=comparisons,
        random_over_best=_random_over_best(comparison, metric.higher_is_better),
        scale=scale,
    )


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

    Then those without a score, then those that are not ok.
    """
    first, spent = board.first, costs(board)

    def place(row: Row) -> tuple[int, float, float]:
        if row.status != "ok":
            return 2, 0.0, 0.0
        away = row.scores[first.digest].away if first else None
        if first is None or away is None:
            return 1, 0.0, 0.0
        return 0, as_shown(-away.mean if first.higher_is_better else away.mean), spent.get(row.method, np.inf)

    return replace(board, rows=tuple(sorted(board.rows, key=place)))


def _refused(records: Iterable[Record], metrics: Mapping[str, Metric]) -> tuple[str, ...]:
    """Metrics of the model that have no number, with the reason."""
    told = {
        f"{metrics[digest]}: {status}: {reason}": None
        for record in records
        for digest, (status, reason) in record.metric_status.items()
        if digest in metrics and status != "ok"
    }
    return tuple(told)
