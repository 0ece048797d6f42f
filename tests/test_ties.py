"""What networks compute alike but for rounding is the same to every comparison."""

import numpy as np
import pytest
from attrimark.statistics.ties import RESOLUTION, resolved, tied
from attrimark.studies.two_runs.two_runs import Run, compare_runs
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.references.drawn_records import METRICS, board_of, cells, flat, score_of

NUMBERS = st.floats(-10, 10) | st.just(np.nan)


@given(arrays.arrays(np.float64, (4, 6), elements=NUMBERS), st.floats(0, 5))
def test_values_are_tied_with_those_that_a_chain_of_near_ones_leads_to(values, rounding):
    found = tied(values, rounding)
    for place in range(values.shape[1]):
        column = values[:, place]
        for each, same in zip(column, found[:, place], strict=True):
            if np.isnan(each):
                assert np.isnan(same)
                continue
            lowest = each  # by walking down in steps no longer than the rounding
            while (below := column[(column < lowest) & (lowest - column <= rounding)]).size:
                lowest = below.min()
            assert same == lowest


def test_nothing_to_compare_stays_nothing():
    assert resolved({}) == {}
    assert np.isnan(resolved({"a": np.array([np.nan]), "b": np.array([1.0])})["a"]).all()


def shaken(mean, size):
    """Values around a mean, all of them a little higher, as of another way to batch the same rows."""
    value, rng = flat(mean), np.random.default_rng(1)
    return lambda *place: value(*place) + size * (0.5 + rng.random())


@pytest.mark.parametrize(("size", "apart"), [(0.2 * RESOLUTION, False), (100 * RESOLUTION, True)])
def test_a_board_tells_methods_apart_by_no_rounding(size, apart):
    board = board_of(cells("chance", flat(0.3)), cells("lrp", flat(0.7)), cells("dig", shaken(0.7, size)))
    best, other = score_of(board, "dig"), score_of(board, "lrp")
    assert best.may_be_best
    assert other.may_be_best is not apart
    assert (best.behind.mean > 0) is apart
    near = board_of(cells("chance", flat(0.7)), cells("dig", shaken(0.7, size)))
    assert score_of(near, "dig").verdict == ("better" if apart else "tie")


@pytest.mark.parametrize(("size", "verdict"), [(0.2 * RESOLUTION, "tie"), (100 * RESOLUTION, "better")])
def test_another_machine_is_no_better(size, verdict):
    runs = [Run(name, cells("lrp", value), METRICS) for name, value in (("A", flat(0.7)), ("B", shaken(0.7, size)))]
    (place,) = compare_runs(*runs).places
    assert [change.verdict for change in place.changes] == [verdict]


def test_scores_stay_what_they_are_to_the_decimals_shown():
    alone = score_of(board_of(cells("dig", flat(0.7))), "dig").adjusted.mean
    beside = board_of(cells("lrp", shaken(0.7, -0.2 * RESOLUTION)), cells("dig", flat(0.7)))
    assert score_of(beside, "dig").adjusted.mean == pytest.approx(alone, abs=RESOLUTION)
