"""What a leaderboard says in plain words: which method to use, which ones beat random, and what would change that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from attrimark.document.characters import count, number, percent, printable
from attrimark.results.scores import CONTROL
from attrimark.studies.leaderboard.board import NOTHING_LEFT, Leaderboard
from attrimark.studies.leaderboard.board_grids import banner
from attrimark.studies.leaderboard.captions import title
from attrimark.studies.leaderboard.pareto import costs
from attrimark.studies.leaderboard.recommendation import Recommendation, recommendation

NOT_MEASURABLE = "not measurable"


def answers(board: Leaderboard) -> Iterator[str]:
    """By the metric that sorts the board; nothing where no method has a score."""
    found = recommendation(board)
    if found is not None:
        where = f"{board.dataset}, {_where(board)} ({count(board.texts, 'text')}, {count(len(board.seeds), 'seed')})"
        yield printable(f"{_advice(board, found)} {_beaten(found, where)}")
        if change := _would_change(found):
            yield printable(change)


def warnings(board: Leaderboard) -> Iterator[str]:
    """What takes the meaning out of a board's numbers."""
    if board.weak:
        yield printable(
            f"Weak model: {_where(board)} is right on {percent(board.accuracy)} of the texts only, so its explanations "
            "say little about the task."
        )
    shown = [
        f"{column.title}{each.removeprefix(NOT_MEASURABLE)}" for column in board.columns for each in banner(column)
    ]
    if shown:
        yield printable(f"{title(board)}: not measurable by {_listed(shown)}.")
        yield (
            f"Not measurable: {CONTROL} gets more than {NOTHING_LEFT:.0%} of the best method's score, or the range "
            "between them is within noise."
        )


def _advice(board: Leaderboard, found: Recommendation) -> str:
    if found.reason:
        return f"No method can be recommended: {found.reason}."
    if found.margin is None:
        return "Cannot tell which method to use: the range of the metric has no end, so no margin could be stated."
    within = f"within {number(found.margin)} of the best by {found.metric}"
    if found.method is None:
        many = f"; about {found.texts} texts would tell" if found.texts else ""
        return f"Cannot tell which method to use: none is shown to be {within}{many}."
    close = [name for name in found.beats if found.within.get(name, math.inf) <= found.margin]
    which = "the cheapest method" if len(close) > 1 and found.method in costs(board) else "the one method"
    return f"Use {found.method}: {which} that beats {CONTROL} and is shown to be {within}."


def _beaten(found: Recommendation, where: str) -> str:
    """Which methods beat random, and on what."""
    beats = f"beat {CONTROL}" if len(found.beats) > 1 else f"beats {CONTROL}"
    if found.beats:
        return f"On {where}, {_listed(found.beats)} {beats} by {found.metric}."
    return f"This is by {found.metric}, on {where}."


def _would_change(found: Recommendation) -> str | None:
    """The margins at which the answer would be another."""
    if found.margin is None or found.reason or not found.within:
        return None
    if found.method is not None:
        bound = found.within[found.method]
        other = "more texts or another model may change it too"
        return f"With a margin below {_up(bound)} the answer would be another; {other}."
    name = min(found.within, key=lambda each: found.within[each])
    return f"With a margin of {_up(found.within[name])} it would be {name}."


def _up(bound: float) -> str:
    """To three decimals, and no less than the bound."""
    return number(math.ceil(bound * 1000) / 1000)


def _where(board: Leaderboard) -> str:
    return board.model if board.chain == "none" else f"{board.model} → {board.chain}"


def _listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
