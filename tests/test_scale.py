"""A place from random to the best is a ratio of means, and no place is told where there is no room."""

import numpy as np
import pytest
from attrimark.statistics.effect_size import standardised
from attrimark.statistics.intervals import CROSSED, TEXTS_ONLY, crossed_interval
from attrimark.statistics.ratio import ratio_of_means

from tests.references.drawn_records import (
    AGREEMENT,
    KEPT,
    METRICS,
    OPERATORS,
    SEEDS,
    Agreement,
    board_of,
    cells,
    flat,
    score_of,
)


class Marked(Agreement):
    """Whose best value is known."""

    name = "marked"
    oracle = 1.0


MARKED = Marked()
ALL = METRICS | {MARKED.digest: MARKED}


def drawn(mean, spread=0.05, seed=0):
    rng = np.random.default_rng(seed)
    return lambda *_: mean + rng.normal(0, spread)


def place(board, method, metric):
    return score_of(board, method, metric).scaled


# A ratio of means


def test_a_ratio_of_means_is_no_mean_of_ratios():
    numerator, denominator = np.array([[1.0, 0.0]] * 5), np.array([[1.0, 3.0]] * 5)
    assert ratio_of_means(numerator, denominator).mean == pytest.approx(0.25)  # the mean of ratios is 1/2


def test_a_constant_denominator_only_divides():
    values = np.random.default_rng(0).normal(size=(6, 20))
    ratio, plain = ratio_of_means(values, np.full_like(values, 4.0)), crossed_interval(values)
    assert (ratio.mean, ratio.low, ratio.high) == pytest.approx((plain.mean / 4, plain.low / 4, plain.high / 4))
    assert ratio.method == CROSSED
    assert ratio_of_means(values[:2], np.ones((2, 20))).method == TEXTS_ONLY


def test_the_interval_of_a_ratio_covers_what_it_promises():
    """Texts of very different range, ratio 0.4: the linearised interval holds it in 92 to 98 of 100 draws."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        denominator = rng.uniform(0.5, 1.5, (1, 40)) + rng.normal(0, 0.2, (8, 1)) + rng.normal(0, 0.1, (8, 40))
        numerator = 0.4 * denominator + rng.normal(0, 0.2, (1, 40)) + rng.normal(0, 0.2, (8, 40))
        estimate = ratio_of_means(numerator, denominator)
        held += estimate.low <= 0.4 <= estimate.high
    assert 0.92 <= held / 400 <= 0.98


# The scale


def test_with_a_known_best_value_the_scale_goes_there():
    board = board_of(
        cells("chance", drawn(0.2), metric=MARKED, operators=[""]),
        cells("lrp", drawn(0.6, seed=1), metric=MARKED, operators=[""]),
        metrics=ALL,
    )
    (column,) = board.columns
    low, high = (score_of(board, method, MARKED).adjusted.mean for method in ("chance", "lrp"))
    assert (column.scale.best, column.scale.measurable) == (1.0, True)
    assert place(board, "lrp", MARKED).mean == pytest.approx((high - low) / (1 - low))
    assert place(board, "chance", MARKED).mean == 0
    assert column.not_measurable == ()  # the scale says what can be measured


def test_texts_own_bounds_are_the_best_there_is():
    """A metric that tells them: a text with a range of 4 weighs four times one with a range of 1."""

    def bounds(reached):
        return lambda seed, text, operator: {
            "reached": reached(text) + 0.01 * seed,
            "worst": -1.0,
            "best": 1.0 + 3.0 * (text % 2),
        }

    board = board_of(
        cells("chance", drawn(0.5), told=bounds(lambda text: 0.0)),
        cells("lrp", drawn(0.8, seed=1), told=bounds(lambda text: 1.0 if text % 2 else 0.5)),
    )
    (column,) = board.columns
    assert column.scale.best == pytest.approx(2.5)
    assert place(board, "lrp", KEPT).mean == pytest.approx(0.75 / (2.5 - 0.02))


def test_without_a_known_best_there_is_no_scale():
    """The best method would be chosen by the values that it is then compared with."""
    board = board_of(cells("chance", flat(0.3)), cells("lrp", flat(0.5)), cells("dig", flat(0.7)))
    (column,) = board.columns
    assert (column.scale, column.separates) == (None, True)
    assert {place(board, method, KEPT) for method in ("chance", "lrp", "dig")} == {None}


def test_no_place_is_told_where_random_is_the_best_possible():
    board = board_of(
        cells("chance", lambda *_: 1.0, metric=MARKED, operators=[""]),
        cells("lrp", drawn(0.9), metric=MARKED, operators=[""]),
        metrics=ALL,
    )
    assert not board.columns[0].scale.measurable


def test_without_random_there_is_no_scale():
    board = board_of(cells("lrp", flat(0.5), metric=AGREEMENT, operators=[""]))
    assert board.columns[0].scale is None


def test_a_home_score_is_no_place_on_the_scale():
    home = {"mask": 9.0, "delete": 0.6, "attention": 0.6}
    shift = {operator: drawn(0.0, seed=place) for place, operator in enumerate(OPERATORS)}
    board = board_of(
        cells("chance", lambda seed, text, operator: 0.2 + shift[operator](), metric=MARKED),
        cells("occlusion", lambda s, t, each: home[each] + shift[each](), operator="mask", metric=MARKED),
        cells("gradient", lambda seed, text, operator: 0.4 + shift[operator](), metric=MARKED),
        metrics=ALL,
    )
    assert place(board, "occlusion", MARKED).mean == pytest.approx(0.5, abs=0.05)
    assert place(board, "gradient", MARKED).mean == pytest.approx(0.25, abs=0.05)


# The size of a difference


def test_the_effect_size_does_not_depend_on_the_unit():
    differences = np.random.default_rng(0).normal(0.3, 1.0, (len(SEEDS), 30))
    assert standardised(differences) == pytest.approx(standardised(1000 * differences))
    assert standardised(-differences) == pytest.approx(-standardised(differences))


def test_differences_that_are_all_alike_have_no_effect_size():
    assert standardised(np.full((5, 10), 0.1)) is None
    assert standardised(np.ones((5, 1))) is None
