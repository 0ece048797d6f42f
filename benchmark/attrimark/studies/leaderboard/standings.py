"""Each method's mean rank over variants, or over datasets: how boards are taken together.

Raw scores of different networks have different bounds, and their mean would be that of the network with the widest.
Ranks have none (as in Demšar, Journal of Machine Learning Research 7, 2006). The interval is a bootstrap (BCa) over
boards: it speaks for other variants of this kind, or other datasets, where there are enough of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from attrimark.results.entries import variant_name
from attrimark.results.model_metrics import weak
from attrimark.statistics.bootstrap import bca, resamples
from attrimark.statistics.ties import resolved
from attrimark.suite.names import cell_name

from .board import Column, Leaderboard

FEWEST = 5  # boards: the resamples of fewer have too few different values
DRAWS = 2000


@dataclass(frozen=True)
class MeanRank:
    """One method by one metric.

    Attributes:
        mean: 1 is best; tied methods share their ranks.
        low, high: ends of the interval; NaN with fewer than five boards.
        better, of: on how many of how many boards it is better than random on average.
    """

    mean: float
    low: float
    high: float
    better: int
    of: int


@dataclass(frozen=True)
class Standings:
    """Methods over several boards, best first by the first metric.

    Attributes:
        over: what was averaged over: "variants" or "datasets".
        boards: their names.
        ranks: by the metric's display name, then by method; only methods with a score on every board.
        notes: what else a reader must know.
        weak: the accuracy of the models that are wrong too often, by the board's name.
    """

    title: str
    over: str
    boards: tuple[str, ...]
    ranks: Mapping[str, Mapping[str, MeanRank]]
    level: float
    notes: tuple[str, ...]
    weak: Mapping[str, float] = field(default_factory=dict)


def standings(boards: Sequence[Leaderboard], level: float = 0.95, metric: str | None = None) -> list[Standings]:
    """One for each dataset, over its variants; then one over the datasets, where there are several.

    A dataset counts once, however many variants it has. Metrics that describe rank no method: by them, none is better.

    Args:
        metric: rank by this metric only, by its name or title.
    """
    datasets: dict[str, list[Leaderboard]] = {}
    for board in boards:
        datasets.setdefault(board.dataset, []).append(board)
    found = [_over_variants(dataset, group, level, metric) for dataset, group in datasets.items()]
    return [*found, _over_datasets(found, level)] if len(found) > 1 else found


def _over_variants(dataset: str, boards: Sequence[Leaderboard], level: float, metric: str | None) -> Standings:
    settings = [board.setting for board in boards]
    names = [variant_name(board.model, board.chain, board.setting, settings) for board in boards]
    notes = [
        f"{name}: no method has a score; left out."
        for name, board in zip(names, boards, strict=True)
        if not board.columns
    ]
    scored = [(name, board) for name, board in zip(names, boards, strict=True) if board.columns]
    names, boards = [name for name, _ in scored], [board for _, board in scored]
    ranks = {}
    for title, columns in _by_title(boards, metric).items():
        if columns[0][1].higher_is_better is None:
            notes.append(f"{title} describes: neither more nor less is better, so it ranks no method.")
            continue
        if len(columns) < len(boards):
            notes.append(f"{title}: measured on {len(columns)} of {len(boards)} variants; not ranked over all.")
            continue
        table = [_scores(board, column) for board, column in columns]
        methods = [method for method in table[0] if all(method in each for each in table)]
        missing = {method for each in table for method in each} - set(methods)
        notes += [f"{title}: {method} has no score on every variant, and no rank." for method in sorted(missing)]
        if methods:
            better = {method: sum(_is_better(board, column, method) for board, column in columns) for method in methods}
            signs = [1 if column.higher_is_better else -1 for _, column in columns]
            same = resolved({method: np.array([each[method] for each in table]) for method in methods})
            worth = np.array(signs) * np.stack(list(same.values()))
            ranked = rankdata(-worth, axis=0).T
            ranks[title] = _averaged(ranked, methods, better, len(boards), level)
    accuracies = {name: board.accuracy for name, board in zip(names, boards, strict=True)}
    return Standings(dataset, "variants", tuple(names), ranks, level, tuple(notes), weak(accuracies))


def _over_datasets(each: Sequence[Standings], level: float) -> Standings:
    ranks, notes = {}, list[str]()
    for title in dict.fromkeys(title for standing in each for title in standing.ranks):
        tables = [standing.ranks.get(title, {}) for standing in each]
        if unranked := [standing.title for standing, table in zip(each, tables, strict=True) if not table]:
            notes.append(f"{title}: ranks no method of {', '.join(unranked)}; not averaged over datasets.")
            continue
        methods = [method for method in tables[0] if all(method in table for table in tables)]
        missing = {method for table in tables for method in table} - set(methods)
        notes += [
            f"{title}: {method} has no rank on every dataset, and no mean of ranks." for method in sorted(missing)
        ]
        if methods:
            # ranked again among the methods that every dataset has
            ranked = [rankdata([table[method].mean for method in methods]) for table in tables]
            better = {method: sum(table[method].better for table in tables) for method in methods}
            boards = sum(len(standing.boards) for standing in each)
            ranks[title] = _averaged(np.array(ranked), methods, better, boards, level)
    names = tuple(standing.title for standing in each)
    of_all = {cell_name(standing.title, name): value for standing in each for name, value in standing.weak.items()}
    return Standings("all datasets", "datasets", names, ranks, level, tuple(notes), of_all)


def _averaged(
    ranks: Float[np.ndarray, "boards methods"], methods: Sequence[str], better: Mapping[str, int], of: int, level: float
) -> dict[str, MeanRank]:
    """The mean rank of each method, best first."""
    lows = highs = np.full(len(methods), np.nan)
    if len(ranks) >= FEWEST:
        (weights,) = resamples(np.random.default_rng(0), DRAWS, len(ranks))
        means = weights @ ranks / weights.sum(axis=1, keepdims=True)
        lows, highs = np.array([bca(column, (len(ranks),), level) for column in means.T]).T
    average = ranks.mean(axis=0)
    order: list[int] = np.argsort(average, kind="stable").tolist()
    return {
        methods[place]: MeanRank(
            float(average[place]), float(lows[place]), float(highs[place]), better[methods[place]], of
        )
        for place in order
    }


def _by_title(boards: Iterable[Leaderboard], metric: str | None = None) -> dict[str, list[tuple[Leaderboard, Column]]]:
    """The columns of each metric; where one board has it twice (under other operators), the first."""
    found: dict[str, list[tuple[Leaderboard, Column]]] = {}
    for board in boards:
        firsts: dict[str, Column] = {}
        for column in board.columns if metric is None else board.shows(metric):
            firsts.setdefault(column.title, column)
        for title, column in firsts.items():
            found.setdefault(title, []).append((board, column))
    return found


def _scores(board: Leaderboard, column: Column) -> dict[str, float]:
    """By method, what orders the board."""
    scores = {row.method: row.scores[column.digest] for row in board.rows if column.digest in row.scores}
    return {method: score.adjusted.mean for method, score in scores.items() if score.adjusted}


def _is_better(board: Leaderboard, column: Column, method: str) -> bool:
    return any(row.method == method and row.scores[column.digest].verdict == "better" for row in board.rows)
