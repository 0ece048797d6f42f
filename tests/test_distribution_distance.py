"""Distances between distributions over words: identities, an independent library, and calibrated tests."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from attrimark.statistics.item_tests import compare_items, rank_biserial, sign_flip
from attrimark.studies.comparisons.distribution_distance import compare_distances, excess, jensen_shannon
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import friedmanchisquare, kstest, wilcoxon

distributions = arrays(np.float64, (3, 6), elements=st.just(0.0) | st.floats(1e-6, 1)).filter(
    lambda rows: rows.sum(axis=1).all()
).map(lambda rows: rows / rows.sum(axis=1, keepdims=True))  # fmt: skip


@given(distributions)
def test_distances_are_those_of_scipy_and_those_of_a_metric(rows):
    found = jensen_shannon(rows)
    for one, other in product(range(3), repeat=2):
        assert found[one, other] == pytest.approx(jensenshannon(rows[one], rows[other], base=2), abs=1e-7)
    assert (np.diag(found) == 0).all()
    assert (found == found.T).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert found[0, 2] <= found[0, 1] + found[1, 2] + 1e-7


def test_equal_distributions_are_0_apart_and_disjoint_ones_1():
    rows = np.array([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.9, 0.1]])
    assert jensen_shannon(rows).tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 0]]


def test_half_shared_is_by_hand():
    # the divergence of (1, 0) and (1/2, 1/2): 3/2 − (3/4)·log2(3)
    found = jensen_shannon(np.array([[1.0, 0.0], [0.5, 0.5]]))
    assert found[0, 1] == pytest.approx((1.5 - 0.75 * np.log2(3)) ** 0.5)


def drawn(rng: np.random.Generator, networks: int, texts: int = 12, words: int = 8, shift: float = 0.0) -> np.ndarray:
    """Distances of networks, of which the first half may put more on the first word."""
    centre = rng.normal(size=(texts, 1, words))
    logits = centre + 0.5 * rng.normal(size=(1, networks, words)) + 0.3 * rng.normal(size=(texts, networks, words))
    logits[:, : networks // 2, 0] += shift
    shares = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return np.array([jensen_shannon(each) for each in shares])


def by_hand(distances: np.ndarray, labels: list[int], counted: np.ndarray) -> float:
    def mean(one: int, other: int) -> float:
        pairs = [
            distances[i, j]
            for i, j in product(range(len(labels)), repeat=2)
            if labels[i] == one and labels[j] == other and counted[i, j]
        ]
        return float(np.mean(pairs))

    return mean(0, 1) - (mean(0, 0) + mean(1, 1)) / 2


def test_the_excess_is_counted_by_hand_for_every_labeling():
    rng = np.random.default_rng(0)
    distances = drawn(rng, 6, texts=3)
    labels = np.array([[0, 0, 0, 1, 1, 1], [1, 0, 1, 0, 0, 1]])
    seeds = np.array([0, 1, 2, 0, 1, 2])
    # one pairs nothing, and one only different seeds, whose second labeling keeps a label of each kind a seed
    for counted, rows in ((~np.eye(6, dtype=bool), labels), (seeds[:, None] != seeds, labels[:1])):
        found = excess(distances, rows, counted)
        for text, way in product(range(3), range(len(rows))):
            assert found[text, way] == pytest.approx(by_hand(distances[text], rows[way].tolist(), counted))


@pytest.mark.long
def test_shuffled_strategy_labels_give_uniform_p_over_networks():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        (told,) = compare_distances(drawn(rng, 10), {"full": 5, "lora": 5}).excesses
        assert told.p_networks is not None
        found.append(told.p_networks - 2 / 252 * rng.random())
    assert kstest(found, "uniform").pvalue > 0.05


@pytest.mark.long
def test_quantized_twins_exchanged_give_uniform_p_although_they_share_their_seed():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(200):
        seeds = rng.normal(size=(1, 7, 8))
        logits = np.concatenate([seeds, seeds], axis=1) + 0.1 * rng.normal(size=(6, 14, 8))
        shares = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
        distances = np.array([jensen_shannon(each) for each in shares])
        (told,) = compare_distances(distances, {"none": 7, "nf4": 7}, paired=True).excesses
        assert told.p_networks is not None
        found.append(told.p_networks - 2 / 128 * rng.random())
    assert kstest(found, "uniform").pvalue > 0.05


def test_a_planted_difference_is_found_with_five_networks_a_strategy():
    rng = np.random.default_rng(3)
    told = [compare_distances(drawn(rng, 10, shift=4.0), {"full": 5, "lora": 5}) for _ in range(20)]
    assert all(each.excesses[0].mean > 0 for each in told)
    assert sum((each.excesses[0].holm_networks or 0) <= 0.05 for each in told) >= 16


def test_the_table_has_means_between_levels_and_of_different_seeds_within():
    rng = np.random.default_rng(4)
    distances = drawn(rng, 6, texts=2)
    told = compare_distances(distances, {"a": 3, "b": 2, "c": 1})
    mean = distances.mean(axis=0)
    assert told.table[0][1] == told.table[1][0] == pytest.approx(mean[:3, 3:5].mean())
    assert told.table[0][0] == pytest.approx(np.mean([mean[i, j] for i, j in combinations(range(3), 2)]))
    assert np.isnan(told.table[2][2])
    # one network has no other seed to be compared with, and two are too few for a claim
    assert [(each.first, each.second, each.p_networks) for each in told.excesses] == [("a", "b", None)]
    assert told.least is None
    paired = compare_distances(distances, {"a": 3, "b": 3}, paired=True)
    assert paired.same_seed is not None
    assert paired.same_seed[0][1] == pytest.approx(np.mean([mean[i, i + 3] for i in range(3)]))
    off = [mean[i, j + 3] for i, j in product(range(3), repeat=2) if i != j]
    assert paired.table[0][1] == pytest.approx(np.mean(off))


# Tests over texts


def test_tests_over_texts_are_those_of_scipy():
    rng = np.random.default_rng(5)
    values = {name: rng.normal(size=40) + shift for name, shift in (("a", 0.0), ("b", 0.3), ("c", 0.0))}
    told = compare_items(values)
    assert (told.friedman, told.p) == pytest.approx(tuple(friedmanchisquare(*values.values())))
    assert [(each.first, each.second) for each in told.contrasts] == list(combinations("abc", 2))
    for each in told.contrasts:
        whole = wilcoxon(values[each.first], values[each.second], method="asymptotic")
        exact = wilcoxon(values[each.first], values[each.second])
        assert each.p == exact.pvalue == pytest.approx(whole.pvalue, abs=0.02)
    smallest = min(each.p for each in told.contrasts)
    assert min(each.holm for each in told.contrasts) == pytest.approx(3 * smallest)


def test_texts_that_agree_about_the_order_have_full_concordance():
    rng = np.random.default_rng(6)
    base = rng.normal(size=25)
    told = compare_items({"a": base, "b": base + rng.uniform(1, 2, 25), "c": base + rng.uniform(3, 4, 25)})
    assert told.kendall_w == pytest.approx(1)
    assert all(each.rank_biserial == -1 for each in told.contrasts)


def test_equal_levels_are_not_told_apart_and_two_have_no_friedman():
    told = compare_items({name: np.arange(5.0) for name in "abc"})
    assert (told.friedman, told.p, told.kendall_w) == (0, 1, 0)
    assert all((each.p, each.rank_biserial) == (1, 0) for each in told.contrasts)
    assert compare_items({name: np.arange(5.0) for name in "ab"}).friedman is None


def test_rounding_is_no_difference_and_breaks_no_tie():
    rng = np.random.default_rng(4)
    one = rng.random(40)
    # the same numbers summed in another order, and in half of the texts a difference that is as large everywhere
    same = (one + 0.1) + 0.2 - 0.3
    assert (same != one).sum() > 10
    told = compare_items({"a": one, "b": same, "c": one.copy()})
    assert (told.friedman, told.p) == (0.0, 1.0)
    assert all((each.p, each.median, each.rank_biserial) == (1, 0, 0) for each in told.contrasts)
    apart = np.where(np.arange(40) % 2, 0.5, 0.0) * np.where(np.arange(40) % 3, 1, -1)
    rounded, exact = (compare_items({"a": each, "b": one + apart, "c": one - apart}) for each in (same, one))
    assert (rounded.friedman, rounded.p) == pytest.approx((exact.friedman, exact.p))
    for each, by_hand in zip(rounded.contrasts, exact.contrasts, strict=True):
        assert (each.p, each.rank_biserial) == pytest.approx((by_hand.p, by_hand.rank_biserial))
    # differences of one size have the mean of all ranks, so that signs alone are counted
    signs = np.sign(apart[apart != 0])
    assert rounded.contrasts[0].rank_biserial == pytest.approx(-signs.mean())


def test_rank_biserial_is_by_hand():
    # ranks of |4|, |−1|, |2|: 3, 1, 2; what does not differ has none
    assert rank_biserial(np.array([4.0, -1.0, 0.0, 2.0])) == pytest.approx((3 - 1 + 2) / 6)


def test_sign_flips_give_uniform_p_under_symmetry():
    rng = np.random.default_rng(7)
    found = [sign_flip(rng.standard_t(2, size=25)) for _ in range(150)]
    assert kstest(found, "uniform").pvalue > 0.05


def test_sign_flips_count_the_observed_signs_and_approach_the_exact_share():
    differences = np.array([1.0, 2.0, 3.0, -0.5, 4.0, 1.5])
    ways = np.array(list(product((-1, 1), repeat=6))) @ differences
    assert sign_flip(differences) == pytest.approx((ways >= differences.sum() - 1e-9).mean(), abs=0.01)
    assert sign_flip(np.full(40, 1.0)) == 1 / 10_001
    assert sign_flip(np.zeros(4)) == 1
