"""The control's values are expectations over orders of its scores, and not the luck of one ranking."""

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from attrimark.run.chance import DRAWS, ORDERS, expected, orders, permuted, reordered
from attrimark.run.measure import measure
from attrimark.run.prepare import Prepared
from attrimark_plugins.metrics.average_precision import AveragePrecision
from attrimark_registry import Attribution, Example, Feature, Measure, Span, Target

FEATURES = tuple(Feature("x", 0, 2 * place, 2 * place + 1) for place in range(5))
EXPLAINED = Attribution(
    Example("t", ("x x x x x",)), FEATURES, np.array([0.5, -1.0, 0.0, 0.0, 2.0]), Target((0,)), "positive"
)


def test_orders_come_with_their_reverse_and_are_the_same_for_whoever_asks():
    found = list(orders(5, 0, "t", DRAWS))
    assert len(found) == DRAWS
    for one, other in zip(found[::2], found[1::2], strict=True):
        assert sorted(one) == list(range(5))
        assert (one + other == 4).all()
    assert all((a == b).all() for a, b in zip(found, orders(5, 0, "t", DRAWS), strict=True))
    assert any((a != b).any() for a, b in zip(found, orders(5, 1, "t", DRAWS), strict=True))
    assert any((a != b).any() for a, b in zip(found, orders(5, 0, "u", DRAWS), strict=True))


def test_first_places_are_shared_evenly():
    first = [int(np.argmax(order)) for text in range(100) for order in orders(5, 0, str(text), DRAWS)]
    assert np.bincount(first, minlength=5) / len(first) == pytest.approx(0.2, abs=0.04)


def test_the_scores_stay_those_of_the_method():
    made = reordered([EXPLAINED], 0, DRAWS)
    assert len(made) == DRAWS
    for each in made:
        assert sorted(each.scores) == sorted(EXPLAINED.scores)
        assert each.example is EXPLAINED.example


def test_a_value_is_the_mean_of_its_draws_and_none_where_one_has_none():
    measures = [Measure("m", "t", "mask", value, {"kept": value}) for value in (0.25, 0.75)]
    assert expected(measures) == [Measure("m", "t", "mask", 0.5, {"kept": 0.5})]
    assert expected([*measures, Measure("m", "u", "mask", 1.0), Measure("m", "u", "mask", None)])[1].value is None


def test_words_change_places_in_the_same_way_for_all_methods():
    other = replace(EXPLAINED, scores=np.arange(5.0), by_token=np.arange(10.0).reshape(2, 5), written=("a", "b"))
    for one, two in zip(permuted(EXPLAINED, 0, 20), permuted(other, 0, 20), strict=True):
        order = two.scores.astype(int)
        assert (one.scores == EXPLAINED.scores[order]).all()
        assert (two.by_token == other.by_token[:, order]).all()
    assert (EXPLAINED.scores == [0.5, -1.0, 0.0, 0.0, 2.0]).all()


def test_a_metric_that_asks_no_network_judges_the_scores_in_other_orders_too():
    marked = replace(EXPLAINED, example=Example("t", ("x x x x x",), spans=(Span(0, 8, 9, "rationale"),)))
    (found,) = measure(Mock(spec=Prepared), AveragePrecision(), [marked])
    assert found.value == 1.0
    # the word with the highest score may be anywhere: 1, 1/2, … are as likely
    assert len(found.permuted) == ORDERS
    assert np.mean(found.permuted) == pytest.approx(np.mean([1, 1 / 2, 1 / 4, 1 / 4, 1 / 5]), abs=0.1)
    assert np.mean(np.equal(found.permuted, 1.0)) == pytest.approx(0.2, abs=0.09)
    (unmarked,) = measure(Mock(spec=Prepared), AveragePrecision(), [EXPLAINED])
    assert (unmarked.value, unmarked.permuted) == (None, ())
