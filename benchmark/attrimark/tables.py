"""Leaderboards as text, Markdown, HTML and JSON. `leaderboard` decides what they say, this file how."""

from __future__ import annotations

import html
import math
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from .grid import WIDTH, Grid, fitted, tabulated
from .leaderboard import CONTROL, WEAK, Column, Leaderboard, Row, Score
from .plain import plain
from .statistics import CROSSED

_MARKS = {"better": "*", "worse": "▾", "tie": "~", "–": ""}


def as_text(board: Leaderboard, details: bool = False) -> str:
    """For a terminal, at most 100 columns wide: a table with more columns goes on below.

    Args:
        details: also differences from random, home scores, and the score under each operator.
    """
    parts = [_wrapped(line) for line in (_title(board), *_caption(board))]
    for grid in _grids(board, details):
        parts += ["", *([_wrapped(grid.title)] if grid.title else [])]
        parts += [tabulated(part, "simple") for part in fitted(grid)]
    return "\n".join((*parts, "", *(_wrapped(line) for line in _footnotes(board))))


def as_markdown(board: Leaderboard, details: bool = False) -> str:
    """For a README or a pull request; what is better than random is bold."""
    parts = [f"### {_escaped(_title(board))}", *map(_escaped, _caption(board))]
    for grid in _grids(board, details):
        header = [_escaped(cell.replace("\n", " ")) for cell in grid.header]
        rows = [[_escaped(method), *map(_bold_if_better, cells)] for method, *cells in grid.rows]
        parts += [f"**{_escaped(grid.title)}**"] if grid.title else []
        parts.append(tabulated(Grid("", header, rows), "pipe"))
    return "\n\n".join((*parts, *map(_escaped, _footnotes(board, better="bold:"))))


def as_html(board: Leaderboard, details: bool = False) -> str:
    """For a notebook; every name is escaped, so that a dataset cannot bring its own markup."""
    parts = [f"<h4>{html.escape(_title(board))}</h4>"]
    parts += [f"<p>{html.escape(line)}</p>" for line in _caption(board)]
    for grid in _grids(board, details):
        parts += [f"<p><b>{html.escape(grid.title)}</b></p>"] if grid.title else []
        parts.append(tabulated(grid, "html"))  # never "unsafehtml", which escapes nothing
    parts += [f"<p><small>{html.escape(line)}</small></p>" for line in _footnotes(board)]
    return "\n".join(parts)


def as_json(board: Leaderboard) -> dict[str, Any]:
    """Everything of a board as plain data, with null where there is no number."""
    return {**plain(asdict(board)), "accuracy": board.accuracy, "weak": board.weak}


# What is said around the tables


def _title(board: Leaderboard) -> str:
    return _printable(f"{board.dataset} · {board.model} · {board.chain}")


def _caption(board: Leaderboard) -> Iterator[str]:
    replicates = [f"{row.method} {row.replicates}" for row in board.rows if row.replicates > 1]
    parts = [
        _count(board.texts, "text"),
        _count(len(board.seeds), "seed"),
        f"replicates: {', '.join(replicates)}" if replicates else "1 replicate",
        *(f"{name} {value}" for name, value in board.setting.items() if value is not None),
    ]
    yield _printable(" · ".join(parts))
    if board.alone:
        yield _printable(
            "The model alone: " + " · ".join(f"{name} {_number(each)}" for name, each in board.alone.items())
        )
    if board.weak:
        yield f"WEAK MODEL: its accuracy is under {WEAK}, so its explanations say little about the task."
    if board.left_out:
        reasons = Counter(board.left_out.values()).most_common()
        told = "; ".join(f"{count} × {reason}" for reason, count in reasons[:3])
        more = f"; {len(reasons) - 3} more reasons" if len(reasons) > 3 else ""
        yield _printable(f"Left out for all: {_count(len(board.left_out), 'text')} ({told}{more}).")
    for note in board.notes:
        yield _printable(note)


def _footnotes(board: Leaderboard, better: str = "*") -> Iterator[str]:
    scores = [score for row in board.rows for score in row.scores.values()]
    methods = dict.fromkeys(score.away.method for score in scores if score.away)
    for method in methods:
        about = "new seeds and new texts" if method == CROSSED else method
        yield f"± half of a {board.level:.0%} interval; it speaks for {about}."
    counts = {column.headline: column.comparisons for column in board.columns if column.comparisons}
    if counts:
        yield (
            f"{better} better, ▾ worse than {CONTROL}, ~ not told apart from it, on the same seeds, texts and "
            f"operators; at {board.level:.0%} over the {' and '.join(map(str, counts.values()))} comparisons of "
            "a table together (Bonferroni)."
        )
    elif scores:
        yield f"No marks: there is no {CONTROL} to compare with, or too few texts."
    if any(operator for column in board.columns for operator in column.operators):
        yield "A score is the mean over the removal operators that the method did not use itself."
    for column in board.columns:
        if 0 < column.texts < board.texts:
            yield _printable(f"{column.title}: {_count(column.texts, 'text')} with a value for every method.")
    for row in board.rows:
        if row.status != "ok":
            yield _printable(f"{row.method}: {row.status}: {row.reason}")
        for column in board.columns:
            if column.digest in row.scores and (reason := row.scores[column.digest].reason):
                yield _printable(f"{row.method}, {column.title}: {reason}")


# The tables


def _grids(board: Leaderboard, details: bool) -> Iterator[Grid]:
    yield _scores("", board.rows, [column for column in board.columns if column.headline])
    if apart := [column for column in board.columns if not column.headline]:
        yield _scores("Beside the headline", board.rows, apart)
    if any(row.spend for row in board.rows):
        yield _costs(board)
    if details:
        yield from (_details(column, board.rows) for column in board.columns)


def _scores(title: str, rows: Sequence[Row], columns: Sequence[Column]) -> Grid:
    lines = []
    for row in rows:
        cells = [_shown(row.scores[column.digest]) if row.status == "ok" else "" for column in columns] or [row.status]
        if row.status != "ok":
            cells[0] = row.status
        lines.append([_printable(row.method), *cells])
    # where no method has a score there is still its status to tell
    return Grid(title, ["method", *(list(map(_heading, columns)) or ["status"])], lines)


def _costs(board: Leaderboard) -> Grid:
    """What an explanation takes beside what it is worth, by the metric that sorts the board."""
    first = [column for column in board.columns if column.headline][:1]
    lines = []
    for row in board.rows:
        if spend := row.spend:
            worth = [_shown(row.scores[column.digest]) for column in first]
            back = f" (+{_amount(spend.backwards)})" if spend.backwards else ""
            passes = _amount(spend.forwards) + back
            rest = map(_amount, (spend.tokens, spend.gflops, spend.peak_megabytes))
            lines.append([_printable(row.method), _amount(spend.seconds), *worth, passes, *rest])
    header = ["method", "seconds", *map(_heading, first), "forwards\n(+ back)", "tokens", "GFLOP", "peak MB"]
    return Grid(
        "Cost of one explanation, computed alone (peak MB: of the longest text, without the network)", header, lines
    )


def _details(column: Column, rows: Sequence[Row]) -> Grid:
    """One metric: the difference from random with its interval, the home score, and each operator's mean."""
    operators = [operator for operator in column.operators if operator]
    lines = []
    for row in rows:
        if score := row.scores.get(column.digest):
            each = [_number(score.by_operator.get(operator)) for operator in operators]
            home = [_number(score.home)] if operators else []
            lines.append([_printable(row.method), _difference(score), score.verdict, *home, *each])
    if lines:
        shares = [_number(column.random_over_best.get(operator)) for operator in operators]
        share = f"{CONTROL} ÷ best" if column.higher_is_better else f"best ÷ {CONTROL}"
        home, last = (["home"], [[share, "", "", "", *shares]]) if operators else ([], [])
        lines += last
        return Grid(_printable(column.title), ["method", f"minus {CONTROL}", "", *home, *operators], lines)
    return Grid(_printable(column.title), ["method"], [])


def _heading(column: Column) -> str:
    """The name; below it the better direction, the unit and the options."""
    options = column.title.removeprefix(column.name).strip("()")
    arrow = "↑" if column.higher_is_better else "↓"
    below = " ".join(part for part in (arrow, f"[{column.unit}]" if column.unit else "", options) if part)
    return f"{_printable(column.name)}\n{_printable(below)}"


def _shown(score: Score) -> str:
    if score.away is None:
        return "invalid" if score.reason and score.reason.startswith("invalid") else "–"
    half = "" if math.isnan(score.away.half) else f" ±{_number(score.away.half)}"
    return f"{_number(score.away.mean)}{half}{_MARKS[score.verdict]}"


def _difference(score: Score) -> str:
    if score.difference is None:
        return "–"
    low, high = _number(score.difference.low), _number(score.difference.high)
    return f"{_number(score.difference.mean)} [{low}, {high}]"


def _number(value: float | None) -> str:
    """Three decimals, or four digits where it is large."""
    if value is None or math.isnan(value):
        return "–"
    # + 0.0 turns −0.0 into 0.0
    return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def _amount(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# From cells to characters


def _wrapped(line: str) -> str:
    return textwrap.fill(line, WIDTH, subsequent_indent="  ")


def _printable(text: object) -> str:
    """Without control characters, which could rewrite a terminal's screen, and on one line."""
    return "".join(each if each.isprintable() else "�" for each in str(text))


def _escaped(text: str) -> str:
    """Characters that Markdown or HTML would take for markup, made plain."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&])", r"\\\1", text)


def _bold_if_better(cell: str) -> str:
    return f"**{_escaped(cell.removesuffix('*'))}**" if cell.endswith("*") else _escaped(cell)
