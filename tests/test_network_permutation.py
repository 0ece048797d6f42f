"""Tests over networks: exact counts, uniform p under the null, and power with five networks a strategy."""

from __future__ import annotations

from itertools import combinations, permutations
from math import comb

import numpy as np
import pytest
from attrimark.statistics.holm import holm
from attrimark.statistics.network_permutation import compare_networks
from attrimark.statistics.relabelings import MOST, relabelings
from attrimark.studies.comparisons.claim import Claim
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, ttest_ind, ttest_rel


def labels_of(*sizes: int) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


# Relabelings


@pytest.mark.parametrize("sizes", [(5, 5), (2, 3), (2, 2, 2), (1, 4)])
def test_all_relabelings_are_counted_once_and_the_observed_one_is_the_first(sizes):
    labels = labels_of(*sizes)[::-1].copy()
    made = relabelings(labels)
    assert made.exact
    assert (made.labels[0] == labels).all()
    # the slow way: every order of the labels, each result once
    expected = set(permutations(labels.tolist())) if len(labels) < 8 else None
    rows = [tuple(row) for row in made.labels.tolist()]
    assert len(rows) == len(set(rows))
    assert len(rows) == (len(expected) if expected else comb(10, 5))
    assert expected is None or set(rows) == expected


def test_within_blocks_every_block_keeps_its_labels():
    labels, blocks = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2]), np.array([0, 1, 2] * 3)
    made = relabelings(labels, blocks)
    assert len(np.unique(made.labels, axis=0)) == len(made.labels) == 6**3
    for block in range(3):
        assert (np.sort(made.labels[:, blocks == block]) == [0, 1, 2]).all()


def test_of_too_many_a_fixed_sample_is_drawn_beside_the_observed_one():
    labels = labels_of(8, 8, 8)
    made, again = relabelings(labels), relabelings(labels)
    assert not made.exact
    assert made.labels.shape == (MOST + 1, 24)
    assert (made.labels == again.labels).all()
    assert (np.sort(made.labels) == labels).all()
    blocked = relabelings(np.tile([0, 1], 20), np.repeat(np.arange(20), 2))
    assert (blocked.labels.reshape(-1, 20, 2).sum(axis=2) == 1).all()


def test_the_observed_labeling_counts_and_rounding_decides_nothing():
    made = relabelings(labels_of(5, 5))
    statistics = np.zeros(252)
    statistics[0] = 1.0
    assert made.p(statistics) == 1 / 252
    statistics[7] = 1.0 - 1e-12
    assert made.p(statistics) == 2 / 252
    statistics[:] = np.inf
    assert made.p(statistics) == 1


# Tests over networks


def randomised(p: float, step: float, rng: np.random.Generator) -> float:
    """A p that can take every step only, made continuous: uniform if and only if P(p ≤ k·step) = k·step."""
    return p - step * rng.random()


def test_shuffled_strategy_labels_give_uniform_p():
    rng = np.random.default_rng(1)
    of_two, of_three = [], []
    for _ in range(300):
        # skewed, and on no scale that a t test would like
        pool = rng.exponential(size=15) ** 2
        two = compare_networks({"full": pool[:5], "lora": pool[5:10]})
        of_two.append(randomised(two.contrasts[0].p, 2 / 252, rng))
    for _ in range(120):
        pool = rng.exponential(size=15)
        three = compare_networks({"full": pool[:5], "lora": pool[5:10], "qlora": pool[10:]})
        assert three.p is not None
        of_three.append(three.p)
    assert kstest(of_two, "uniform").pvalue > 0.05
    assert kstest(of_three, "uniform").pvalue > 0.05


def test_flipped_pairs_give_uniform_p_whatever_the_seeds_share():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(300):
        seeds = 10 * rng.normal(size=8)
        told = compare_networks({"none": seeds + rng.exponential(size=8), "nf4": seeds + rng.exponential(size=8)}, True)
        found.append(randomised(told.contrasts[0].p, 2 / 256, rng))
    assert kstest(found, "uniform").pvalue > 0.05


def test_one_strategy_apart_accuses_no_other_pair():
    rng = np.random.default_rng(3)
    accused = 0
    for _ in range(200):
        told = compare_networks({"a": rng.normal(size=5), "b": rng.normal(size=5), "c": rng.normal(size=5) + 50})
        accused += next(each.holm for each in told.contrasts if {each.first, each.second} == {"a", "b"}) <= 0.05
    assert accused <= 0.05 * 200 + 2 * (0.05 * 0.95 * 200) ** 0.5


def test_a_planted_difference_is_found_with_five_networks_a_strategy():
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(100):
        means = {"full": rng.normal(-3, 1, 5), "lora": rng.normal(0, 1, 5), "qlora": rng.normal(0, 1, 5)}
        told = compare_networks(means)
        first = told.contrasts[0]
        assert (first.first, first.second) == ("full", "lora")
        found += first.holm <= 0.05 and first.mean < 0
    assert found >= 80


def test_intervals_are_welchs_and_students():
    rng = np.random.default_rng(5)
    one, other = rng.normal(0, 1, 6), rng.normal(1, 5, 9)
    (told,) = compare_networks({"a": one, "b": other}).contrasts
    ends = ttest_ind(one, other, equal_var=False).confidence_interval()
    assert (told.low, told.high) == pytest.approx(tuple(ends))
    assert told.mean == pytest.approx(one.mean() - other.mean())
    pooled = ((5 * one.var(ddof=1) + 8 * other.var(ddof=1)) / 13) ** 0.5
    assert told.effect == pytest.approx(told.mean / pooled * (1 - 3 / (4 * 13 - 1)))
    (paired,) = compare_networks({"a": one, "b": other[:6]}, paired=True).contrasts
    ends = ttest_rel(one, other[:6]).confidence_interval()
    assert (paired.low, paired.high) == pytest.approx(tuple(ends))


def test_the_exact_p_is_counted_by_hand():
    one, other = np.array([1.0, 2, 3, 4, 9]), np.array([5.0, 6, 7, 8, 10])
    (told,) = compare_networks({"a": one, "b": other}).contrasts
    pool = np.concatenate([one, other])

    def t(mine: set[int]) -> float:
        a, b = pool[list(mine)], pool[[each for each in range(10) if each not in mine]]
        return abs(a.mean() - b.mean()) / (a.var(ddof=1) / 5 + b.var(ddof=1) / 5) ** 0.5

    all_of_them = [t(set(each)) for each in combinations(range(10), 5)]
    observed = t(set(range(5)))
    assert told.p == np.mean([each >= observed - 1e-9 for each in all_of_them])


def test_the_share_of_variance_is_that_of_an_analysis_of_variance():
    rng = np.random.default_rng(6)
    groups = {name: rng.normal(size=5) + shift for name, shift in (("a", 0), ("b", 1), ("c", 2))}
    pool = np.concatenate(list(groups.values()))
    between = sum(5 * (each.mean() - pool.mean()) ** 2 for each in groups.values())
    assert compare_networks(groups).share == pytest.approx(between / ((pool - pool.mean()) ** 2).sum())
    # where seeds are paired, what they share is no part of it
    seeds = 100 * rng.normal(size=5)
    shifted = {name: each + seeds for name, each in groups.items()}
    centred = np.stack(list(shifted.values()))
    centred = centred - centred.mean(axis=0)
    expected = 5 * (centred.mean(axis=1) ** 2).sum() / (centred**2).sum()
    assert compare_networks(shifted, paired=True).share == pytest.approx(expected)


def test_fewer_than_five_networks_make_no_claim():
    with pytest.raises(ValueError, match=r"a claim needs 5 networks .* full has 4, lora has 6"):
        compare_networks({"full": np.zeros(4), "lora": np.zeros(6)})
    told = compare_networks({"full": np.arange(5.0), "lora": np.arange(6.0), "none": np.zeros(1)})
    assert [(each.first, each.second) for each in told.contrasts] == [("full", "lora")]
    assert told.networks == {"full": 5, "lora": 6, "none": 1}


def test_the_smallest_possible_p_is_told_and_attained():
    apart = {"a": np.arange(5.0), "b": np.arange(5.0) + 100}
    assert compare_networks(apart).least == compare_networks(apart).contrasts[0].holm == 2 / 252
    assert compare_networks(apart, paired=True).least == compare_networks(apart, paired=True).contrasts[0].p == 2 / 32
    unequal = compare_networks({"a": np.arange(5.0), "b": np.arange(6.0) + 100})
    assert unequal.least == unequal.contrasts[0].p == 1 / comb(11, 5)
    assert compare_networks({**apart, "c": np.arange(5.0) - 100}).least == pytest.approx(6 / 252)


@pytest.mark.parametrize("paired", [False, True])
def test_equal_networks_are_not_told_apart(paired):
    told = compare_networks({"a": np.full(5, 0.1), "b": np.full(5, 0.1), "c": np.full(5, 0.1)}, paired)
    assert told.p == 1
    assert all((each.p, each.mean, each.effect) == (1, 0, 0) for each in told.contrasts)
    same = np.array([0.1, 0.7, 0.3, 1e5, 0.2, 0.9])
    (none,) = compare_networks({"a": same, "b": same[:: 1 if paired else -1].copy()}, paired).contrasts
    assert (none.p, none.effect) == pytest.approx((1, 0))
    (apart,) = compare_networks({"a": np.full(5, 0.1), "b": np.full(5, 0.3)}, paired).contrasts
    assert apart.p == (2 / 32 if paired else 2 / 252)


# Holm


def test_holm_is_as_by_hand():
    # 0.01·4; 0.02·3; 0.03·2 is less than 0.06 and is raised to it; 0.5·1
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx((0.06, 0.04, 0.5, 0.06))
    assert holm([0.6, 0.4]) == pytest.approx((0.8, 0.8))
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p):
    adjusted = holm(p)
    for one, other in zip(p, adjusted, strict=True):
        assert one <= other <= min(1, len(p) * one) + 1e-12
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


# Claims


@pytest.mark.parametrize(
    ("expect", "difference", "p", "verdict"),
    [
        ("lower", -1.0, 0.05, "holds"),
        ("lower", 1.0, 0.05, "does not hold"),
        ("higher", 1.0, 0.01, "holds"),
        ("higher", -1.0, 0.01, "does not hold"),
        ("lower", -1.0, 0.051, "cannot be told"),
        ("lower", -1.0, None, "cannot be told"),
        ("different", 0.1, 0.01, "holds"),
        ("different", 0.1, 0.2, "cannot be told"),
    ],
)
def test_the_rule_of_a_claim_is_written_down(expect, difference, p, verdict):
    claim = Claim(says="so", expect=expect, metric="focus-entropy", level="full", than="lora")
    assert claim.verdict(difference, p) == verdict


@pytest.mark.parametrize(
    ("expect", "interval", "p", "verdict"),
    [
        ("rising", (0.1, 0.2), 0.05, "holds"),
        ("rising", (-0.2, -0.1), 0.01, "does not hold"),
        ("falling", (-0.2, -0.1), 0.01, "holds"),
        ("falling", (-0.2, 0.1), 0.01, "cannot be told"),
        ("falling", (-0.2, -0.1), 0.051, "cannot be told"),
        ("falling", (-0.2, -0.1), None, "cannot be told"),
        ("falling", None, 0.01, "cannot be told"),
    ],
)
def test_a_trend_is_judged_by_its_permutation_and_its_interval(expect, interval, p, verdict):
    assert Claim(says="so", expect=expect, metric="focus-entropy").verdict_on_slope(interval, p) == verdict


@pytest.mark.parametrize(
    "given", [{"expect": "lower"}, {"expect": "lower", "level": "a", "than": "b"}, {"expect": "rising"}]
)
def test_a_claim_says_all_that_its_rule_needs(given):
    with pytest.raises(ValueError, match=r"name|metric"):
        Claim(says="so", **given)
