"""Trends over sizes: exact slopes, intervals of known laws, and calibrated permutations."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest
from attrimark.studies.comparisons.scale_trend import trend
from scipy.stats import kstest, linregress, spearmanr, ttest_ind

SIZES = {"small": 1e5, "middle": 4e5, "large": 32e5}


def test_a_straight_line_over_doublings_has_its_slope():
    values = {name: np.full(5, 2 + 0.25 * np.log2(size)) for name, size in SIZES.items()}
    told = trend(SIZES, values)
    assert told.slope == pytest.approx(0.25)
    assert told.over_networks == pytest.approx((0.25, 0.25))
    assert told.over_models == pytest.approx((0.25, 0.25))
    assert told.spearman == pytest.approx(1)


def test_the_interval_for_new_networks_of_two_models_is_welchs():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=6), rng.normal(1, 4, size=8)
    told = trend({"a": 1e6, "b": 2e6}, {"a": one, "b": other})
    ends = ttest_ind(other, one, equal_var=False).confidence_interval()
    assert told.over_networks == pytest.approx(tuple(ends))
    assert told.over_models is None


def test_the_interval_for_other_models_is_that_of_a_line_through_their_means():
    rng = np.random.default_rng(1)
    sizes = {str(place): 10.0**place for place in range(1, 6)}
    values = {name: rng.normal(np.log2(size), 5, 5) for name, size in sizes.items()}
    told = trend(sizes, values)
    x = np.log2(list(sizes.values()))
    line = linregress(x, [each.mean() for each in values.values()])
    assert told.slope == pytest.approx(line.slope)
    low, high = told.over_models
    assert (low + high) / 2 == pytest.approx(line.slope)
    assert (high - low) / 2 == pytest.approx(line.stderr * 3.182446, rel=1e-6)  # t of 3 degrees of freedom


def test_rank_correlation_is_that_of_scipy():
    rng = np.random.default_rng(2)
    values = {name: rng.normal(size=5) for name in SIZES}
    x = np.repeat(list(SIZES.values()), 5)
    assert trend(SIZES, values).spearman == pytest.approx(spearmanr(x, np.concatenate(list(values.values())))[0])


def test_networks_that_change_models_give_uniform_p():
    rng = np.random.default_rng(3)
    sizes = {"a": 1e5, "b": 1e6}
    values = [{"a": rng.exponential(size=5), "b": rng.exponential(size=5)} for _ in range(300)]
    # ranks of two groups tie often: between p and the share of labelings strictly more extreme all are as likely
    found = []
    for each in values:
        told = trend(sizes, each)
        assert told.p_networks is not None
        strictly = strictly_more_extreme(each)
        found.append(strictly + (told.p_networks - strictly) * rng.random())
    assert kstest(found, "uniform").pvalue > 0.05


def strictly_more_extreme(values: dict[str, np.ndarray]) -> float:
    from itertools import combinations

    ranks = np.argsort(np.argsort(np.concatenate(list(values.values())))) + 1
    sums = np.array([abs(sum(each) - 27.5) for each in combinations(range(1, 11), 5)])
    return float((sums > abs(ranks[:5].sum() - 27.5) + 1e-9).mean())


def test_whole_models_that_change_places_are_counted_all():
    rng = np.random.default_rng(4)
    sizes = {str(place): 2.0**place for place in range(4)}
    told = trend(sizes, {name: rng.normal(100 * size, 1, 5) for name, size in sizes.items()})
    # an order and its mirror image, of all orders of four models
    assert told.p_models == told.least_models == pytest.approx(2 / factorial(4))
    assert told.p_networks == pytest.approx(1 / 10_001)


def test_too_few_networks_make_no_claim_and_one_size_has_no_trend():
    told = trend(SIZES, {name: np.arange(4.0) for name in SIZES})
    assert (told.over_networks, told.p_networks) == (None, None)
    assert told.over_models == pytest.approx((0, 0))
    with pytest.raises(ValueError, match="two sizes"):
        trend({"a": 1e5, "b": 1e5}, {"a": np.zeros(5), "b": np.zeros(5)})


def test_what_does_not_vary_has_no_trend():
    told = trend(SIZES, {name: np.full(5, 0.3) for name in SIZES})
    assert (told.slope, told.spearman, told.p_networks, told.p_models) == pytest.approx((0, 0, 1, 1))
