"""Means of an incomplete table, as if every row had been measured in every column."""

import numpy as np
import pytest
from attrimark.statistics.least_squares_means import least_squares_means
from hypothesis import given
from hypothesis import strategies as st

ROWS, COLUMNS = np.array([0.3, 0.5, 0.1]), np.array([0.0, 0.4])


def means_of(table, fitted):
    weights = least_squares_means(fitted, ~fitted)
    return np.einsum("mnf,nf->m", weights.means, np.where(fitted, table, 0.0)), weights


def test_a_complete_table_has_its_plain_means_to_the_last_digit():
    table = np.random.default_rng(0).normal(size=(4, 3))
    found, weights = means_of(table, np.ones((4, 3), dtype=bool))
    assert found == pytest.approx(table.mean(axis=1), rel=1e-15)
    assert np.isnan(weights.surplus).all()  # nothing was left out


def test_a_row_that_lacks_the_easy_column_is_not_behind_for_it():
    table = ROWS[:, None] + COLUMNS
    fitted = np.array([[True, True], [True, False], [True, True]])
    found, _ = means_of(table, fitted)
    assert found == pytest.approx(ROWS + COLUMNS.mean())
    assert table[1, 0] == table[0].mean()  # of plain means the two would be equal


def test_what_was_left_out_is_compared_with_what_the_others_let_expect():
    table = ROWS[:, None] + COLUMNS
    table[1, 1] += 0.25
    fitted = np.array([[True, True], [True, False], [True, True]])
    weights = least_squares_means(fitted, ~fitted)
    assert (weights.surplus * table).sum() == pytest.approx(0.25)


def test_a_row_that_nothing_links_has_no_mean():
    fitted = np.array([[True, False], [True, False], [False, True]])
    found, _ = means_of(np.ones((3, 2)), fitted)
    assert found[:2] == pytest.approx([1.0, 1.0])
    assert np.isnan(found[2])


def test_no_rows_have_no_means():
    assert least_squares_means(np.zeros((0, 2), dtype=bool), np.zeros((0, 2), dtype=bool)).means.shape == (0, 0, 2)


@given(st.integers(2, 5), st.integers(2, 4), st.integers(0, 10_000))
def test_effects_that_add_up_are_found_whatever_is_missing(rows, columns, seed):
    rng = np.random.default_rng(seed)
    fitted = rng.random((rows, columns)) < 0.6
    fitted[0] = True  # one row links all columns
    fitted[:, 0] = True
    effects = rng.normal(size=rows)
    table = effects[:, None] + rng.normal(size=columns)
    found, _ = means_of(table, fitted)
    assert found - found[0] == pytest.approx(effects - effects[0], abs=1e-9)
