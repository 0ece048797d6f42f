"""Quality against cost: the methods that no cheaper one matches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from attrimark.document.characters import as_shown, better
from attrimark.document.figures import COLOURS
from attrimark.document.titles import set_title, verbatim
from attrimark.statistics.intervals import Estimate
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
    """The methods of which no other is at most as expensive and at least as good, and different; cheapest first.

    They are the best choices at their budget, by mean away score as tables show it, to three decimals: whether the
    difference to the next is real is for the intervals to say. Where neither more nor less is better there is no front.
    """
    if column.higher_is_better is None:
        return ()
    spent, sign = costs(board), 1 if column.higher_is_better else -1
    points = {method: (spent[method], as_shown(-sign * away.mean)) for method, away in _scores(board, column).items()}
    kept = [
        method
        for method, point in points.items()
        if not any(other != point and other[0] <= point[0] and other[1] <= point[1] for other in points.values())
    ]
    return tuple(sorted(kept, key=lambda method: points[method]))


def pareto(board: Leaderboard, column: Column) -> Figure:
    """Each method's away score with its interval against its cost, numbered by cost; a line along the front."""
    from matplotlib.figure import Figure

    spent, scores, best = costs(board), _scores(board, column), front(board, column)
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axis = figure.subplots()
    for number, method in enumerate(sorted(scores, key=lambda method: spent[method]), start=1):
        away, colour = scores[method], COLOURS[0] if method in best else "dimgrey"
        bar = [[away.mean - away.low], [away.high - away.mean]] if away.low <= away.mean <= away.high else None
        axis.errorbar(spent[method], away.mean, yerr=bar, fmt="none", color=colour, capsize=2, elinewidth=0.8)
        (point,) = axis.plot(spent[method], away.mean, marker=f"${number}$", linestyle="", color=colour)
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
    """Away scores of the methods that have one, and a cost."""
    return {
        row.method: away
        for row in board.rows
        if row.spend and column.digest in row.scores and (away := row.scores[column.digest].away)
    }
