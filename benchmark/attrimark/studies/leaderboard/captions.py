"""What is said around a leaderboard's tables: its title, what it rests on, and what its marks mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from attrimark.document.characters import count, number, printable
from attrimark.document.estimates import with_half
from attrimark.document.grid import BETTER
from attrimark.results.model_metrics import banner as weak_model
from attrimark.results.scores import CONTROL, CONTROL_METHOD
from attrimark.statistics.intervals import CROSSED, FEWEST_SEEDS, NO_INTERVAL, NO_SPREAD
from attrimark.suite.names import cell_name

from .board import NOTHING_LEFT, Column, Leaderboard


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
    for method in dict.fromkeys(score.adjusted.method for score in scores if score.adjusted):
        about = "new seeds and new texts" if method == CROSSED else method
        if method in (NO_INTERVAL, NO_SPREAD):
            yield f"A number without ±: {method}."
        else:
            yield f"± half of a {board.level:.0%} interval; it speaks for {about}."
    marked = [column for column in board.columns if column.comparisons]
    if marked:
        primary = [column.title for column in marked if column.primary]
        together = f" and the primary metrics (Bonferroni): {', '.join(primary)}" if primary else ""
        yield (
            f"{BETTER} significantly better, ▾ worse than {CONTROL}, on the same seeds, texts and operators, and with "
            "the same sign under every family of operators; ~ no significant difference. Family-wise "
            f"{board.level:.0%} over the methods (max-T){together}."
        )
        if permuted := [column.title for column in marked if column.permuted]:
            yield (
                f"{', '.join(permuted)}: marks compare scores with the same scores on other words, in orders that all "
                "methods share (a permutation test, exact with any number of texts)."
            )
        if primary and (others := [column.title for column in marked if not column.primary]):
            yield f"Exploratory, each at {board.level:.0%} by itself: {', '.join(others)}."
    elif scores:
        yield f'No marks: there are too few texts, or no "{CONTROL_METHOD}" among the methods to compare with.'
    if any(score.verdict in ("higher", "lower") for score in scores):
        yield f"> higher, < lower than {CONTROL} on average, by metrics that describe: neither is better."
    if any(score.next_seed is not None for score in scores):
        yield (
            "next seed: the probability that a network trained with one more seed shows the same sign of the "
            f"difference from {CONTROL} on new texts."
        )
    if any(score.may_be_best for score in scores):
        how = f"({board.level:.0%}, Hsu's comparisons with the best)"
        yield f"• may be the best: no other method is shown to be better {how}."
    if any(operator for column in board.columns for operator in column.operators):
        yield (
            "A score is a least-squares mean over the families of removal operators (mask; delete, attention; mean, "
            "pad) that the method does not use itself; two methods are compared under those that neither uses."
        )
    yield from map(printable, _about_all(board))
    for column in board.columns:
        yield from map(printable, _about(board, column))
    for row in board.rows:
        if row.status != "ok":
            yield printable(f"{row.method}: {row.status}: {row.reason}")
        for column in board.columns:
            if column.digest in row.scores and (reason := row.scores[column.digest].reason):
                yield printable(f"{row.method}, {column.title}: {reason}")


def has_scores(board: Leaderboard) -> bool:
    return any(score.adjusted for row in board.rows for score in row.scores.values())


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
        ends = f"from {CONTROL} to the best possible explanation"
        yield f"{column.title}: not measurable: the range {ends} is within noise."
    if 0 < column.texts < board.texts:
        yield f"{column.title}: {count(column.texts, 'text')} with a value for every method."


def _about_all(board: Leaderboard) -> Iterator[str]:
    """What is said of each metric in one line for all."""
    headline = [column for column in board.columns if column.headline]
    reliable = [f"{each.title} {number(each.reliability)}" for each in headline if each.reliability is not None]
    if reliable:
        about = "of the order of methods over texts (1 fully; Spearman–Brown)"
        yield f"Split-half reliability {about}: {', '.join(reliable)}."
    known = [f"{each.title} {number(each.with_truth)}" for each in headline if each.with_truth is not None]
    if known and board.first:
        yield f"Rank correlation of the methods with {board.first.title}, which knows the truth: {', '.join(known)}."
    advantages = [f"{each.title} {with_half(each.home_advantage)}" for each in board.columns if each.home_advantage]
    if advantages:
        yield (
            "Home advantage, what methods score under their own family of operators above what their other scores let "
            f"expect, and in no score: {', '.join(advantages)}."
        )
