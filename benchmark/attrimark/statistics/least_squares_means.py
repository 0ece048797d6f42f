"""Least-squares means of an incomplete table: what each row would average, had it been measured in every column.

Rows that are measured in other columns cannot be compared by their plain means, for columns differ in difficulty. Row
and column effects are fitted together to the cells that are there (Yates, Journal of Agricultural Research, 1936;
Searle, Speed & Milliken, The American Statistician, 1980), and each row's mean is read off the fit. It is linear in the
cells, so its weights are computed once and applied to any number of tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True)
class Weights:
    """What to multiply the cells of a table with, and sum; a cell that is not measured has the weight 0.

    Attributes:
        means: of each row; NaN where columns that other rows share cannot be brought together with its own.
        surplus: of the cells left out of the fit above it, on average; NaN where there is none to compare.
    """

    means: Float[np.ndarray, "rows rows columns"]
    surplus: Float[np.ndarray, "rows columns"]


def least_squares_means(
    fitted: Bool[np.ndarray, "rows columns"], left_out: Bool[np.ndarray, "rows columns"]
) -> Weights:
    """Of the cells that are fitted; the largest group of rows that are linked by shared columns has means.

    Args:
        left_out: measured cells that take no part in the fit, and are compared with it.
    """
    rows, columns = fitted.shape
    cells = np.argwhere(fitted)
    design = np.zeros((len(cells), rows + columns))
    places = np.arange(len(cells))
    design[places, cells[:, 0]] = design[places, rows + cells[:, 1]] = 1.0
    solve = np.linalg.pinv(design) if len(cells) else np.zeros((rows + columns, 0))

    linked_rows, linked_columns = _linked(fitted)
    wanted = np.zeros((rows, rows + columns))
    wanted[np.arange(rows), np.arange(rows)] = 1.0
    wanted[:, rows:] = linked_columns / max(1, linked_columns.sum())
    means = np.zeros((rows, rows, columns))
    means[:, *cells.T] = wanted @ solve
    # a row that has all columns has its plain mean, here without the rounding of a solution
    whole = fitted[:, linked_columns].all(axis=1)
    means[whole] = 0.0
    means[np.ix_(whole, whole)] = np.eye(int(whole.sum()))[:, :, None] * wanted[:1, None, rows:]
    means[~linked_rows] = np.nan

    surplus = np.zeros((rows, columns))
    extra = np.argwhere(left_out & linked_rows[:, None] & linked_columns[None])
    for row, column in extra:
        effect = np.zeros(rows + columns)
        effect[[row, rows + column]] = 1.0
        surplus[*cells.T] -= effect @ solve / len(extra)
        surplus[row, column] += 1 / len(extra)
    return Weights(means, surplus if len(extra) else np.full_like(surplus, np.nan))


def _linked(fitted: Bool[np.ndarray, "rows columns"]) -> tuple[Bool[np.ndarray, " rows"], Bool[np.ndarray, " columns"]]:
    """The rows and columns of the largest group that cells link, by its number of rows; the first of equal ones."""
    best = np.zeros(len(fitted), dtype=bool), np.zeros(fitted.shape[1], dtype=bool)
    for first in range(len(fitted)):
        rows = np.zeros(len(fitted), dtype=bool)
        rows[first] = True
        columns = fitted[rows].any(axis=0)
        while (grown := fitted[:, columns].any(axis=1)).sum() > rows.sum():
            rows = grown
            columns = fitted[rows].any(axis=0)
        if columns.any() and rows.sum() > best[0].sum():
            best = np.asarray(rows), np.asarray(columns)
    return best
