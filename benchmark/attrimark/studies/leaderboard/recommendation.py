"""Which method to use: the cheapest that beats random and is shown to be within a margin of the best.

Not being shown to be worse is no equality: with few texts a much worse method is not noticed. So a method is
recommended only where the upper bound of how far it is behind the best is within the margin that was stated before
(Hsu, *Multiple Comparisons*, 1996, ch. 4); else the answer is that it cannot be told, and how many texts would tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from attrimark.document.characters import percent
from attrimark.results.scores import CONTROL, CONTROL_METHOD, is_control

from .board import Column, Leaderboard, Score
from .pareto import costs


@dataclass(frozen=True)
class Recommendation:
    """By the metric that sorts a board.

    Attributes:
        method: None where none can be recommended.
        beats: the methods that are shown to be better than random, in the board's order.
        within: by method among them, the smallest margin of the best that it is shown to be within.
        margin: the one that was stated, in units of the metric; None where its range has no end.
        texts: about how many would tell, where that cannot be told with these.
        reason: why no method can be recommended, if so.
    """

    metric: str
    method: str | None
    beats: tuple[str, ...]
    within: Mapping[str, float]
    margin: float | None
    texts: int | None = None
    reason: str | None = None


def recommendation(board: Leaderboard) -> Recommendation | None:
    """None where no method has a score that is better when higher, or lower."""
    column = board.first
    scores = {row.method: row.scores[column.digest] for row in board.rows if column and column.digest in row.scores}
    methods = {name: score for name, score in scores.items() if score.adjusted and not is_control(name)}
    if column is None or not methods:
        return None
    beats = tuple(name for name, score in methods.items() if score.verdict == "better")
    within = {name: bound for name in beats if (bound := _bound(methods[name], column, len(methods))) is not None}
    reason = _refusal(board, beats)
    found = Recommendation(column.title, None, beats, within, column.margin, reason=reason)
    if reason or column.margin is None:
        return found
    spent = costs(board)
    close = [name for name, bound in within.items() if bound <= column.margin]
    for name in sorted(close, key=lambda name: spent.get(name, math.inf)):
        if not any(spent.get(other, math.inf) <= spent.get(name, math.inf) for other in column.ahead.get(name, ())):
            return Recommendation(column.title, name, beats, within, column.margin)
    texts = [_texts(methods[name], bound, column) for name, bound in within.items()]
    known = [each for each in texts if each is not None]
    return Recommendation(column.title, None, beats, within, column.margin, texts=min(known, default=None))


def _refusal(board: Leaderboard, beats: tuple[str, ...]) -> str | None:
    """Why nothing can be recommended, whatever the margin."""
    if board.weak:
        return (
            f"the model is right on {percent(board.accuracy)} of the texts only, so its explanations say little about "
            "the task"
        )
    if not any(is_control(row.method) and row.status == "ok" for row in board.rows):
        return f'there is nothing to compare with: add "{CONTROL_METHOD}" to the methods of the suite'
    return None if beats else f"no method is shown to beat {CONTROL}"


def _bound(score: Score, column: Column, methods: int) -> float | None:
    """The upper bound of how far it is behind the best; None where there is none."""
    if methods == 1:
        return 0.0
    if score.behind is None or math.isnan(score.behind.low):
        return None
    return -score.behind.low if column.higher_is_better else score.behind.high


def _texts(score: Score, bound: float, column: Column) -> int | None:
    """How many bring the bound within the margin, if the difference stays and its interval shrinks with √texts."""
    if score.behind is None or column.margin is None:
        return None
    behind = -score.behind.mean if column.higher_is_better else score.behind.mean
    room = column.margin - behind
    return math.ceil(score.behind.texts * ((bound - behind) / room) ** 2) if room > 0 else None
