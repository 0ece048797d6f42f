"""What is said around a leaderboard's tables: its title, what it rests on, and what its marks mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrimark.document.characters import count, number, printable
from attrimark.document.grid import BETTER
from attrimark.results.model_metrics import banner as weak_model
from attrimark.results.scores import CONTROL
from attrimark.statistics.intervals import CROSSED, FEWEST_SEEDS, NO_INTERVAL, NO_SPREAD
from attrimark.suite.names import cell_name

from .board import NOTHING_LEFT, ORACLE, Column, Leaderboard


def title(board: Leaderboard) -> str:
    return printable(cell_name(board.dataset, board.model, board.chain))


def caption(board: Leaderboard) -> Iterator[str]:
    """Texts, seeds and settings; then warnings, which stand above the numbers that they are about."""
    replicates = [f"{row.method} {row.replicates}" for row in board.rows if row.replicates > 1]
    parts = [
        count(board.texts, "text"),
        count(len(board.seeds), "seed"),
        f"replicates: {', '.join(replicates)}" if replicates else "1 replicate",
        *(f"{name} {value}" for name, value in board.setting.items() if value is not None),
    ]
    yield printable(" · ".join(parts))
    if board.alone:
        told = " · ".join(f"{name} {number(each)}" for name, each in board.alone.items())
        yield printable(f"The model alone: {told}")
    if banner := weak_model(board.accuracy):
        yield banner
    if 0 < len(board.seeds) < FEWEST_SEEDS and has_scores(board):
        yield f"With fewer than {FEWEST_SEEDS} seeds nothing is claimed about the next seed."
    if board.left_out:
        reasons = Counter(board.left_out.values()).most_common()
        told = "; ".join(f"{times} × {reason}" for reason, times in reasons[:3])
        more = f"; {len(reasons) - 3} more reasons" if len(reasons) > 3 else ""
        yield printable(f"Left out for all: {count(len(board.left_out), 'text')} ({told}{more}).")
    for note in board.notes:
        yield printable(note)


def footnotes(board: Leaderboard) -> Iterator[str]:
    """What the marks mean, then what is missing and why."""
    scores = [score for row in board.rows for score in row.scores.values()]
    for method in dict.fromkeys(score.away.method for score in scores if score.away):
        about = "new seeds and new texts" if method == CROSSED else method
        if method in (NO_INTERVAL, NO_SPREAD):
            yield f"A number without ±: {method}."
        else:
            yield f"± half of a {board.level:.0%} interval; it speaks for {about}."
    counts = {column.headline: column.comparisons for column in board.columns if column.comparisons}
    if counts:
        yield (
            f"{BETTER} better, ▾ worse than {CONTROL} on average, ~ not told apart from it, on the same seeds, texts "
            f"and operators; at {board.level:.0%} over the {' and '.join(map(str, counts.values()))} comparisons of "
            "a table together (max-T over methods, Bonferroni over metrics)."
        )
    elif scores:
        yield f"No marks: there is no {CONTROL} to compare with, or too few texts."
    if any(score.verdict in ("higher", "lower") for score in scores):
        yield f"> higher, < lower than {CONTROL} on average, by metrics that describe: neither is better."
    if any(score.next_seed is not None for score in scores):
        yield (
            "next seed: the probability that a network trained with one more seed shows the same sign of the "
            f"difference from {CONTROL} on new texts."
        )
    if any(score.among_best for score in scores):
        yield f"• cannot be told apart from the best, by the {board.level:.0%} model confidence set of its column."
    if any(operator for column in board.columns for operator in column.operators):
        yield "A score is the mean over the removal operators that the method did not use itself."
    for column in board.columns:
        yield from map(printable, _about(board, column))
    for row in board.rows:
        if row.status != "ok":
            yield printable(f"{row.method}: {row.status}: {row.reason}")
        for column in board.columns:
            if column.digest in row.scores and (reason := row.scores[column.digest].reason):
                yield printable(f"{row.method}, {column.title}: {reason}")


def has_scores(board: Leaderboard) -> bool:
    return any(score.away for row in board.rows for score in row.scores.values())


def random_over_best(column: Column) -> str:
    """How the ratio of a column is called: it is at most 1 where anything beats random."""
    return f"{CONTROL} ÷ best" if column.higher_is_better else f"best ÷ {CONTROL}"


def _about(board: Leaderboard, column: Column) -> Iterator[str]:
    if column.not_measurable:
        shares = [f"{number(column.random_over_best[each])} ({each})" for each in column.not_measurable]
        yield (
            f"{column.title}: not measurable: {random_over_best(column)} is {', '.join(shares)}, above "
            f"{NOTHING_LEFT}: most of such a number is no merit of a method."
        )
    if column.scale and not column.scale.measurable:
        top = "the best possible explanation" if column.scale.top == ORACLE else "the best method"
        yield f"{column.title}: not measurable: the range from {CONTROL} to {top} is within noise."
    if 0 < column.texts < board.texts:
        yield f"{column.title}: {count(column.texts, 'text')} with a value for every method."
    if column.operators and not column.neutral and column.texts:
        yield f"{column.title}: every operator is some method's own, so none says which method is best."
