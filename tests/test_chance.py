"""The control's values are expectations over orders of its scores, and not the luck of one ranking."""

import numpy as np
import pytest
from attrimark.run.chance import DRAWS, expected, orders, reordered
from attrimark_registry import Attribution, Example, Feature, Measure, Target

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
