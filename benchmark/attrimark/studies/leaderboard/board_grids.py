"""Which tables a leaderboard has: scores, the scale from random to the best, costs, and the details of each metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrimark.document.characters import NO_NUMBER, amount, number, p_value, percent, printable
from attrimark.document.estimates import with_ends, with_half
from attrimark.document.grid import BETTER, Grid
from attrimark.results.scores import CONTROL
from attrimark.statistics.intervals import Estimate

from .board import Column, Leaderboard, Row, Score
from .captions import random_over_best
from .pareto import front, unit_of_cost

BEST, FRONT = "•", " ◂"
_MARKS = {"better": BETTER, "worse": "▾", "higher": ">", "lower": "<", "tie": "~", "–": ""}
ARROWS = {True: "↑", False: "↓", None: ""}


def grids(board: Leaderboard, details: bool) -> Iterator[Grid]:
    """The tables, first to last.

    Args:
        details: also one for each metric, with differences, p-values, effect sizes and the score by operator.
    """
    headline = [column for column in board.columns if column.headline]
    apart = [column for column in board.columns if not column.headline]
    if headline or not apart:  # where no method has a score there is still its status to tell
        yield _scores("", board.rows, headline)
    if apart:
        yield _scores("Beside the headline", board.rows, apart)
    if scales := [column for column in board.columns if column.scale]:
        yield _scale(board.rows, scales)
    if any(row.spend for row in board.rows):
        yield _costs(board)
    if details:
        yield from (_details(column, board.rows) for column in board.columns)


def next_seed_known(rows: Sequence[Row], column: Column) -> bool:
    """Whether anything can be said of the next seed, by this metric."""
    return any(row.scores[column.digest].next_seed is not None for row in rows if column.digest in row.scores)


def heading(column: Column) -> str:
    """The name; below it the better direction, if any, the unit and the options; and whether it measures anything."""
    options = column.title.removeprefix(column.name).strip("()")
    arrow = ARROWS[column.higher_is_better]
    below = " ".join(part for part in (arrow, f"[{column.unit}]" if column.unit else "", options) if part)
    return "\n".join(filter(None, (printable(column.name), printable(below), *banner(column))))


def banner(column: Column) -> tuple[str, ...]:
    """A line that says "not measurable", with the operators where it is not all of them."""
    if column.scale:
        return () if column.scale.measurable else ("not measurable",)
    if not column.not_measurable:
        return ()
    some = "" if set(column.not_measurable) == set(column.operators) else f": {', '.join(column.not_measurable)}"
    return (f"not measurable{some}",)


def shown(score: Score) -> str:
    """The score with its interval, its verdict and whether it may be the best."""
    if score.adjusted is None:
        return "invalid" if score.reason and score.reason.startswith("invalid") else NO_NUMBER
    return f"{with_half(score.adjusted)}{_MARKS[score.verdict]}{BEST if score.may_be_best else ''}"


def _scores(title: str, rows: Sequence[Row], columns: Sequence[Column]) -> Grid:
    header, following = ["method"], set[int]()
    for column in columns:
        header.append(heading(column))
        if next_seed_known(rows, column):
            following.add(len(header))
            header.append("next\nseed")
    lines = []
    for row in rows:
        cells = [""] * (len(header) - 1) if columns else [row.status]
        if row.status == "ok":
            cells = [cell for column in columns for cell in _cells(row, column, next_seed_known(rows, column))] or cells
        else:
            cells[0] = row.status
        lines.append([printable(row.method), *cells])
    return Grid(title, header if columns else ["method", "status"], lines, frozenset(following))


def _cells(row: Row, column: Column, next_seed: bool) -> list[str]:
    score = row.scores[column.digest]
    return [shown(score), percent(score.next_seed)] if next_seed else [shown(score)]


def _scale(rows: Sequence[Row], columns: Sequence[Column]) -> Grid:
    """Where each method is from random to the best possible explanation."""
    header = ["method"]
    for column in columns:
        if column.scale:
            end = f"1 = {number(column.scale.best)}"
            header.append(f"{printable(column.name)}\n{end if column.scale.measurable else 'not measurable'}")
    lines = [
        [printable(row.method), *(_place(row.scores[column.digest].scaled) for column in columns)]
        for row in rows
        if row.status == "ok"
    ]
    return Grid(f"From {CONTROL} (0) to the best possible explanation (1)", header, lines)


def _place(scaled: Estimate | None) -> str:
    return NO_NUMBER if scaled is None else with_half(scaled)


def _costs(board: Leaderboard) -> Grid:
    """What an explanation takes beside what it is worth, by the metric that sorts the board."""
    first, unit = [board.first] if board.first else [], unit_of_cost(board)
    best = [front(board, column) for column in first]
    lines = []
    for row in board.rows:
        if spend := row.spend:
            scores = [row.scores[column.digest].adjusted for column in first]
            worth = [NO_NUMBER if each is None else with_half(each) for each in scores]
            mark = FRONT if any(row.method in each for each in best) else ""
            back = f" (+{amount(spend.backwards)})" if spend.backwards else ""
            passes = f"{amount(spend.forwards)}{back}{mark if unit == 'passes' else ''}"
            flops = f"{amount(spend.gflops)}{mark if unit == 'GFLOP' else ''}"
            rest = amount(spend.tokens), flops, amount(spend.peak_megabytes)
            lines.append([printable(row.method), amount(spend.seconds), *worth, passes, *rest])
    names = [f"{printable(column.name)}\n{ARROWS[column.higher_is_better]}" for column in first]
    header = ["method", "seconds", *names, "forwards\n(+ back)", "tokens", "GFLOP", "peak MB"]
    front_is = f";{FRONT} no method is as good for less" if first else ""
    about = f"computed alone (peak MB: of the longest text, without the network{front_is})"
    return Grid(f"Cost of one explanation, {about}", header, lines)


def _details(column: Column, rows: Sequence[Row]) -> Grid:
    """One metric: differences from random and from the best with their intervals, and each operator's mean."""
    operators = [operator for operator in column.operators if operator]
    header = ["method", f"minus {CONTROL}", "", "p", "d_z", "minus best\nof the others", "p of best"]
    header += ["away", "home"] if operators else []
    lines = []
    for row in rows:
        if score := row.scores.get(column.digest):
            beside_random = [with_ends(score.difference), score.verdict, p_value(score.p), number(score.effect)]
            beside_best = [with_ends(score.behind), p_value(score.best_p)]
            means = [number(score.away), number(score.home)] if operators else []
            each = [number(score.by_operator.get(operator)) for operator in operators]
            lines.append([printable(row.method), *beside_random, *beside_best, *means, *each])
    if not lines:
        return Grid(printable(column.title), ["method"], [])
    if operators:
        shares = [number(column.random_over_best.get(operator)) for operator in operators]
        lines.append([random_over_best(column), *([""] * (len(header) - 1)), *shares])
    return Grid(printable(column.title), [*header, *operators], lines)
