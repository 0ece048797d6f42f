"""What a leaderboard says in plain words: which method is best, whether that is more than chance, and at what cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from attrimark.document.characters import as_shown, percent, printable
from attrimark.document.estimates import with_ends
from attrimark.results.scores import CONTROL, is_control
from attrimark.statistics.intervals import Estimate
from attrimark.studies.leaderboard.board import NOTHING_LEFT, Column, Leaderboard, Row, Score
from attrimark.studies.leaderboard.board_grids import banner, with_half
from attrimark.studies.leaderboard.captions import title
from attrimark.studies.leaderboard.pareto import costs

NOT_MEASURABLE = "not measurable"
SAME_COST = 0.1  # a cost within a tenth is told as the same


def answer(board: Leaderboard) -> str | None:
    """One or two sentences by the first headline metric that measures anything; None where no method has a score."""
    headline = [each for each in board.columns if each.headline and each.higher_is_better is not None]
    columns = [column for column in headline if _ranked(board, column)]
    if not columns:
        return None
    column = next((column for column in columns if not banner(column)), columns[0])
    methods = _ranked(board, column)
    rows = [row for row in board.rows if _mean(row, column) is not None]
    best = methods[0]
    return printable(" ".join((_best(board, column, best, rows), *_alike(board, column, best, methods))))


def warnings(board: Leaderboard) -> Iterator[str]:
    """What takes the meaning out of a board's numbers."""
    if board.weak:
        yield printable(
            f"Weak model: {_where(board)} is right on {percent(board.accuracy)} of the texts only, so its explanations "
            "say little about the task."
        )
    told = [f"{column.title}{each.removeprefix(NOT_MEASURABLE)}" for column in board.columns for each in banner(column)]
    if told:
        yield printable(f"{title(board)}: not measurable by {_listed(told)}.")
        yield (
            f"Not measurable: {CONTROL} gets more than {NOTHING_LEFT:.0%} of the best method's score, or the range "
            "between them is within noise."
        )


def _best(board: Leaderboard, column: Column, best: Row, rows: Sequence[Row]) -> str:
    score = best.scores[column.digest]
    told = with_half(score.away) if score.away else ""
    opening = f"On {board.dataset}, {_where(board)}: "
    if score.verdict == "better":
        seed = f", and so on the next seed with probability {percent(score.next_seed)}" if score.next_seed else ""
        return (
            f"{opening}{best.method} explains best by {column.title}, {told}: better than {CONTROL} by "
            f"{with_ends(_gain(score, column))} on average{seed}."
        )
    if not any(_is_control(row) for row in rows):
        return f"{opening}{best.method} has the best {column.title}, {told}; there is no {CONTROL} to compare with."
    others = [row.method for row in rows if row.scores[column.digest].verdict == "better"]
    if others:
        return f"{opening}better than {CONTROL} by {column.title}: {_listed(others)}."
    return f"{opening}no method is shown to explain better than {CONTROL} by {column.title}."


def _gain(score: Score, column: Column) -> Estimate | None:
    """The difference from random, positive where it is better."""
    found = score.difference
    if found is None or column.higher_is_better:
        return found
    return replace(found, mean=-found.mean, low=-found.high, high=-found.low)


def _alike(board: Leaderboard, column: Column, best: Row, methods: Sequence[Row]) -> Iterator[str]:
    """Who cannot be told apart from the best, and for how much of its cost."""
    scores: Mapping[str, Score] = {row.method: row.scores[column.digest] for row in methods}
    if scores[best.method].verdict != "better" or scores[best.method].among_best is None:
        return
    among = [method for method, score in scores.items() if score.among_best]
    if best.method not in among:
        yield f"On the removal operators that no method used itself, the best is {_listed(among)}." if among else ""
        return
    spent = costs(board)
    others = [f"{each}{_beside(spent.get(each), spent.get(best.method))}" for each in among if each != best.method]
    if others:
        yield f"{_listed(others)} cannot be told apart from it."
    elif len(methods) > 1:
        yield "Every other method is behind it."


def _beside(cost: float | None, best: float | None) -> str:
    if not cost or not best:
        return ""
    ratio = cost / best
    if abs(ratio - 1) < SAME_COST:
        return " (at the same cost)"
    return f" (at {ratio:.0%} of its cost)" if ratio < 1 else f" (at {ratio:.2g} times its cost)"


def _where(board: Leaderboard) -> str:
    return board.model if board.chain == "none" else f"{board.model} → {board.chain}"


def _ranked(board: Leaderboard, column: Column) -> list[Row]:
    """The methods with a score, best first as tables show it, else in the board's order; random is none."""
    pairs = [(mean, row) for row in board.rows if not _is_control(row) and (mean := _mean(row, column)) is not None]
    best_first = sorted(pairs, key=lambda pair: as_shown(pair[0]), reverse=column.higher_is_better is not False)
    return [row for _, row in best_first]


def _mean(row: Row, column: Column) -> float | None:
    score = row.scores.get(column.digest)
    return score.away.mean if score and score.away else None


def _is_control(row: Row) -> bool:
    return is_control(row.method)


def _listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
