"""Leaderboards in long format: one row for each method and metric, for a spreadsheet or a data frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrimark.document.characters import better
from attrimark.statistics.intervals import Estimate

from .board import Column, Leaderboard, Row, Score
from .pareto import front

FIELDS: tuple[str, ...] = (
    "dataset", "model", "chain", "setting", "texts", "seeds", "weak",
    "method", "status", "reason", "operator", "replicates",
    "metric", "better", "headline", "metric_texts", "not_measurable",
    "mean", "low", "high", "level", "speaks_for", "away", "home",
    "difference", "difference_low", "difference_high", "p", "verdict", "next_seed", "effect",
    "behind", "behind_low", "behind_high", "best_p", "may_be_best",
    "scaled", "scaled_low", "scaled_high", "measurable",
    "front", "seconds", "forwards", "backwards", "tokens", "gflops", "peak_megabytes",
)  # fmt: skip


def long_format(boards: Iterable[Leaderboard]) -> Iterator[Mapping[str, Any]]:
    """A row for each method and metric of all boards; None where there is no number."""
    return ({name: line.get(name) for name in FIELDS} for board in boards for line in _lines(board))


def _lines(board: Leaderboard) -> Iterator[Mapping[str, Any]]:
    setting = "; ".join(f"{name}={value}" for name, value in board.setting.items() if value is not None)
    shared = {
        "dataset": board.dataset,
        "model": board.model,
        "chain": board.chain,
        "setting": setting,
        "texts": board.texts,
        "seeds": len(board.seeds),
        "weak": board.weak,
    }
    fronts = {column.digest: front(board, column) for column in board.columns}
    for row in board.rows:
        of_row = {**shared, **_of_row(row)}
        if not board.columns:
            yield of_row
        for column in board.columns:
            scored = _of_score(row.scores[column.digest]) if column.digest in row.scores else {}
            on_front = row.method in fronts[column.digest]
            yield {**of_row, **_of_column(column), **scored, "front": on_front if scored else None}


def _of_row(row: Row) -> Mapping[str, Any]:
    told = {"method": row.method, "status": row.status, "reason": row.reason, "operator": row.operator}
    spent = vars(row.spend) if row.spend else {}
    return {**told, "replicates": row.replicates, **spent}


def _of_column(column: Column) -> Mapping[str, Any]:
    return {
        "metric": column.title,
        "better": better(column.higher_is_better),
        "headline": column.headline,
        "metric_texts": column.texts,
        "not_measurable": " ".join(column.not_measurable),
        "measurable": column.scale and column.scale.measurable,
    }


def _of_score(score: Score) -> Mapping[str, Any]:
    adjusted = score.adjusted
    return {
        "reason": score.reason,
        **_ends("", adjusted),
        "level": adjusted and adjusted.level,
        "speaks_for": adjusted and adjusted.method,
        "away": score.away,
        "home": score.home,
        **_ends("difference", score.difference),
        "p": score.p,
        "verdict": score.verdict,
        "next_seed": score.next_seed,
        "effect": score.effect,
        **_ends("behind", score.behind),
        "best_p": score.best_p,
        "may_be_best": score.may_be_best,
        **_ends("scaled", score.scaled),
    }


def _ends(name: str, estimate: Estimate | None) -> Mapping[str, float]:
    if estimate is None:
        return {}
    before = f"{name}_" if name else ""
    return {name or "mean": estimate.mean, f"{before}low": estimate.low, f"{before}high": estimate.high}
