"""Quality against cost: the methods that no cheaper one matches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from attrimark.document.characters import as_shown, better
from attrimark.document.figures import COLOURS
from attrimark.document.titles import set_title, verbatim
from attrimark.statistics.intervals import Estimate
from attrimark.statistics.linear_extension import linear_extension
from attrimark.suite.names import cell_name

from .board import Column, Leaderboard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Unit = Literal["GFLOP", "passes"]


def unit_of_cost(board: Leaderboard) -> Unit:
    """GFLOP of one explanation, where all are counted; else rows through the network, both ways together."""
    spends = [row.spend for row in board.rows if row.spend]
    return "passes" if any(each.passes > 0 and each.gflops == 0 for each in spends) else "GFLOP"


def costs(board: Leaderboard) -> dict[str, float]:
    """Own cost of one explanation, as if computed alone, by method."""
    unit = unit_of_cost(board)
    return {
        row.method: row.spend.gflops if unit == "GFLOP" else row.spend.passes
        for row in board.rows
        if row.spend is not None
    }


def front(board: Leaderboard, column: Column) -> tuple[str, ...]:
    """The methods that none of at most their cost is better than; cheapest first.

    Better is what tables order by: the adjusted score, to three decimals, but never against a method that is better
    under every family of operators. Whether the difference to the next is real is for the intervals to say. Where
    neither more nor less is better there is no front.
    """
    if column.higher_is_better is None:
        return ()
    spent, sign = costs(board), -1 if column.higher_is_better else 1
    shown = {method: as_shown(sign * each.mean) for method, each in _scores(board, column).items()}
    keys = {method: (score, spent[method]) for method, score in shown.items()}
    place = {method: rank for rank, method in enumerate(linear_extension(keys, column.ahead))}

    def excluded(method: str) -> bool:
        return any(
            spent[other] <= spent[method]
            and place[other] < place[method]
            and (keys[other] != keys[method] or other in column.ahead.get(method, ()))
            for other in keys
        )

    return tuple(sorted((method for method in keys if not excluded(method)), key=lambda method: keys[method][::-1]))


def pareto(board: Leaderboard, column: Column) -> Figure:
    """Each method's score with its interval against its cost, numbered by cost; a line along the front."""
    from matplotlib.figure import Figure

    spent, scores, best = costs(board), _scores(board, column), front(board, column)
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axis = figure.subplots()
    for number, method in enumerate(sorted(scores, key=lambda method: spent[method]), start=1):
        score, colour = scores[method], COLOURS[0] if method in best else "dimgrey"
        bar = [[score.mean - score.low], [score.high - score.mean]] if score.low <= score.mean <= score.high else None
        axis.errorbar(spent[method], score.mean, yerr=bar, fmt="none", color=colour, capsize=2, elinewidth=0.8)
        (point,) = axis.plot(spent[method], score.mean, marker=f"${number}$", linestyle="", color=colour)
        point.set(label=verbatim(method), markersize=8, markeredgewidth=0.4)
    paid = [spent[each] for each in scores if spent[each] > 0]
    if paid:  # a method without cost stands at 0, left of all powers of ten
        axis.set_xscale("symlog", linthresh=min(paid) / 2)
        axis.set_xlim(-min(paid) / 4, 2 * max(paid))
    edges = [*(spent[each] for each in best), axis.get_xlim()[1]]
    heights = [scores[each].mean for each in best]
    axis.step(edges, [*heights, *heights[-1:]], where="post", color=COLOURS[0], linewidth=0.8, linestyle="--", zorder=0)
    axis.set_xlabel(f"{unit_of_cost(board)} of one explanation, computed alone", fontsize=9)
    axis.set_ylabel(verbatim(f"{column.title} ({better(column.higher_is_better)} is better)"), fontsize=9)
    axis.tick_params(labelsize=8)
    figure.legend(loc="outside right center", fontsize=7, frameon=False, title="dashed: the front", title_fontsize=7)
    set_title(figure, cell_name(board.dataset, board.model, board.chain), 9)
    return figure


def _scores(board: Leaderboard, column: Column) -> Mapping[str, Estimate]:
    """Adjusted scores of the methods that have one, and a cost."""
    return {
        row.method: adjusted
        for row in board.rows
        if row.spend and column.digest in row.scores and (adjusted := row.scores[column.digest].adjusted)
    }
