"""How far texts agree on the order of methods, and metrics with what is known."""

import numpy as np
import pytest
from attrimark.statistics.reliability import rank_correlation, split_half


def simulated(rng, methods, texts, spread):
    return rng.normal(size=(methods, 1)) + spread * rng.normal(size=(methods, texts))


def test_it_is_the_share_of_the_spread_that_is_of_methods():
    rng = np.random.default_rng(0)
    for texts, spread in ((10, 1.0), (40, 3.0)):
        expected = 1 / (1 + spread**2 / texts)
        found = [split_half(simulated(rng, 30, texts, spread)) for _ in range(40)]
        assert np.mean(found) == pytest.approx(expected, abs=0.03)


def test_methods_that_differ_by_chance_alone_are_not_ordered_reliably():
    rng = np.random.default_rng(1)
    assert np.mean([split_half(rng.normal(size=(8, 20))) for _ in range(40)]) < 0.3


def test_an_order_that_every_text_agrees_on_is_reliable():
    assert split_half(np.arange(4.0)[:, None] + np.zeros(6)) == pytest.approx(1.0)


def test_of_too_few_or_equal_methods_nothing_is_said():
    assert split_half(np.ones((2, 10))) is None
    assert split_half(np.random.default_rng(0).normal(size=(4, 3))) is None
    assert split_half(np.ones((4, 10))) is None
    assert rank_correlation(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None
    assert rank_correlation(np.ones(3), np.arange(3.0)) is None


def test_ranks_are_compared_and_not_values():
    assert rank_correlation(np.array([1.0, 2.0, 30.0]), np.array([0.1, 0.3, 0.4])) == pytest.approx(1.0)
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1.0)
