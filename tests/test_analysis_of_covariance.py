"""Differences at like covariates: those of a regression, and no test that takes confidence for focus."""

from __future__ import annotations

import numpy as np
import pytest
from attrimark.statistics.analysis_of_covariance import APART, compare_adjusted
from attrimark.statistics.network_permutation import compare_networks
from scipy.stats import t as student


def split(values: np.ndarray) -> dict[str, np.ndarray]:
    """Five networks a level."""
    return dict(zip(("full", "lora", "qlora"), np.split(values, len(values) // 5), strict=False))


def compared(values: np.ndarray, *covariates: np.ndarray, paired: bool = False):
    named = {str(place): split(each) for place, each in enumerate(covariates)}
    return compare_adjusted(split(values), named, paired)


def regressed(values: np.ndarray, *columns: np.ndarray) -> tuple[float, float, float]:
    """The first column's coefficient with its interval, the slow way."""
    design = np.stack(columns, axis=1)
    inverse = np.linalg.inv(design.T @ design)
    fitted = inverse @ design.T @ values
    freedom = len(values) - len(columns)
    error = (((values - design @ fitted) ** 2).sum() / freedom * inverse[0, 0]) ** 0.5
    half = error * student.isf(0.025, freedom)
    return fitted[0], fitted[0] - half, fitted[0] + half


def test_the_difference_and_its_interval_are_those_of_a_regression_on_label_and_covariates():
    rng = np.random.default_rng(0)
    confidence, length, values = rng.normal(size=(3, 10))
    (told,) = compared(values, confidence, length).contrasts
    is_first = np.repeat([1.0, 0.0], 5)
    expected = regressed(values, is_first, np.ones(10), confidence, length)
    assert (told.mean, told.low, told.high) == pytest.approx(expected)
    assert told.p == told.holm
    # where seeds are paired, that of differences on differences
    (told,) = compared(values, confidence, paired=True).contrasts
    expected = regressed(values[:5] - values[5:], np.ones(5), confidence[:5] - confidence[5:])
    assert (told.mean, told.low, told.high) == pytest.approx(expected)


def test_the_p_of_paired_seeds_is_counted_by_hand():
    rng = np.random.default_rng(1)
    values, confidence = rng.normal(size=(2, 10))
    values[:5] += 3
    apart, gaps = values[:5] - values[5:], confidence[:5] - confidence[5:]
    left = apart - gaps * (gaps @ apart) / (gaps @ gaps)

    def statistic(differences: np.ndarray) -> float:
        mean, low, _ = regressed(differences, np.ones(5), gaps)
        return abs(mean) / (mean - low)

    flipped = [statistic(left * (1 - 2 * np.array([way >> bit & 1 for bit in range(5)]))) for way in range(32)]
    (told,) = compared(values, confidence, paired=True).contrasts
    assert told.p == np.mean([each >= statistic(left) - 1e-9 for each in flipped])


def networks_of(rng: np.random.Generator, gap: float, slope: float, difference: float = 0.0) -> tuple:
    """Means over 40 texts of focus and confidence: from text to text they go together, whatever networks do.

    Args:
        gap: how much surer the first level's networks are.
        slope: of focus on confidence from network to network.
        difference: of focus between networks that are equally sure.
    """
    first = np.repeat([1.0, 0.0], 5)
    sure = gap * first + 0.5 * rng.normal(size=10)
    texts = rng.normal(size=40)
    confidence = texts + sure[:, None] + 0.3 * rng.normal(size=(10, 40))
    own = slope * sure + difference * first + 0.1 * rng.normal(size=10)
    focus = 0.3 * texts + own[:, None] + 0.3 * rng.normal(size=(10, 40))
    return focus.mean(axis=1), confidence.mean(axis=1)


@pytest.mark.parametrize(
    ("gap", "slope"), [(0.0, 0.0), (1.0, 0.0), (1.0, 0.3), (1.0, -1.0)], ids=["none", "idle", "as texts", "against"]
)
def test_where_only_confidence_differs_few_pairs_are_told_apart_whatever_it_does_to_focus(gap, slope):
    rng = np.random.default_rng(2)
    found = [compared(*networks_of(rng, gap, slope)).contrasts[0].p for _ in range(200)]
    judged = [p for p in found if p is not None]
    assert len(judged) > 100
    # 5 % and two standard errors of the rate
    assert np.mean(np.array(judged) <= 0.05) <= 0.05 + 2 * (0.05 * 0.95 / len(judged)) ** 0.5


def test_a_difference_that_confidence_makes_is_adjusted_away_and_another_is_found():
    rng = np.random.default_rng(3)
    plain, adjusted, other = 0, 0, 0
    for _ in range(100):
        focus, confidence = networks_of(rng, 0.8, 0.5)
        plain += compare_networks(split(focus)).contrasts[0].p <= 0.05
        adjusted += (compared(focus, confidence).contrasts[0].p or 1.0) <= 0.05
        other += (compared(*networks_of(rng, 0.0, 0.5, 0.4)).contrasts[0].p or 1.0) <= 0.05
    assert plain > 40 > 12 >= adjusted
    assert other >= 80


def test_networks_of_no_like_confidence_are_described_and_not_tested():
    rng = np.random.default_rng(4)
    sure = np.repeat([0.0, 5.0, 0.0], 5) + rng.normal(0, 0.1, 15)
    values = rng.normal(size=15)
    told = compared(values, sure).contrasts
    assert [(each.first, each.second, each.p is None, each.told >= APART) for each in told] == [
        ("full", "lora", True, True),
        ("full", "qlora", False, False),
        ("lora", "qlora", True, True),
    ]
    assert told[0].holm is None
    assert told[0].low < told[0].mean < told[0].high
    assert told[1].holm == told[1].p  # judged alone
    (nothing,) = compared(values[:10], np.repeat([1.0, 2.0], 5)).contrasts
    assert (nothing.told, nothing.p) == (pytest.approx(1), None)
    assert np.isnan([nothing.mean, nothing.low, nothing.high]).all()


def test_covariates_that_are_alike_are_named_and_adjust_nothing():
    rng = np.random.default_rng(5)
    values, sure = rng.normal(size=(2, 10))
    alone, beside = compared(values, sure), compared(values, sure, np.full(10, 0.1) + 1e-17)
    assert (alone.covariates, alone.alike) == (("0",), ())
    assert (beside.covariates, beside.alike) == (("0",), ("1",))
    assert beside.contrasts == alone.contrasts
    # one that repeats another takes nothing more
    (twice,) = compared(values, sure, 3 * sure + 2).contrasts
    assert (twice.mean, twice.p) == pytest.approx((alone.contrasts[0].mean, alone.contrasts[0].p))
    with pytest.raises(ValueError, match="do not differ in 0"):
        compared(values, np.full(10, 9.0))


def test_what_follows_from_covariates_alone_and_what_is_equal_is_not_told_apart():
    rng = np.random.default_rng(6)
    sure = rng.normal(size=10)
    for values in (np.full(10, 0.1), 1e6 + 3 * sure):
        (told,) = compared(values, sure).contrasts
        assert told.p == 1
        assert told.mean == pytest.approx(0, abs=1e-6)


def test_levels_of_few_networks_are_left_out():
    rng = np.random.default_rng(7)
    means = {"a": rng.normal(size=5), "b": rng.normal(size=6), "few": rng.normal(size=2)}
    told = compare_adjusted(means, {"sure": {name: rng.normal(size=len(each)) for name, each in means.items()}})
    assert [(each.first, each.second) for each in told.contrasts] == [("a", "b")]
    with pytest.raises(ValueError, match="5 networks"):
        compare_adjusted({"a": means["a"], "few": means["few"]}, {})
