"""Intervals cover what they promise, when seeds and texts are crossed."""

import numpy as np
import pytest
from attrimark.statistics.intervals import (
    CROSSED,
    NO_INTERVAL,
    NO_SPREAD,
    TEXTS_ONLY,
    crossed_interval,
    mean_squares,
    simultaneous_level,
    two_sided_p,
)
from scipy import stats

RUNS = 1500  # a coverage of 95 % is then known to about ± 1.1 points (two standard errors)


def crossed(rng, seeds, texts, seed_spread, text_spread, residual=1.0):
    """Zero-mean scores: a shift for each seed, one for each text, and a residual."""
    shifts = seed_spread * rng.standard_normal((seeds, 1)) + text_spread * rng.standard_normal((1, texts))
    return shifts + residual * rng.standard_normal((seeds, texts))


def holds(estimate, truth=0.0):
    return estimate.low <= truth <= estimate.high


@pytest.mark.parametrize("seeds", [5, 10, 20])
@pytest.mark.parametrize(("seed_spread", "text_spread"), [(0.3, 1.0), (1.0, 0.3), (1.0, 1.0)])
def test_the_interval_covers_the_mean_under_crossed_effects(seeds, seed_spread, text_spread):
    rng = np.random.default_rng(seeds)
    estimates = [crossed_interval(crossed(rng, seeds, 50, seed_spread, text_spread)) for _ in range(RUNS)]
    assert 0.93 <= np.mean([holds(each) for each in estimates]) <= 0.97


@pytest.mark.parametrize("seeds", [5, 10, 20])
def test_no_difference_is_rarely_called_better(seeds):
    rng = np.random.default_rng(seeds)
    estimates = [crossed_interval(crossed(rng, seeds, 50, 0.5, 0.5)) for _ in range(RUNS)]
    assert np.mean([each.low > 0 for each in estimates]) <= 0.05


def test_without_either_factor_all_values_are_independent():
    values = np.where(np.indices((6, 4)).sum(axis=0) % 2, 1.0, 0.0)  # all rows and columns have the same mean
    expected = stats.t.interval(0.95, 23, loc=0.5, scale=stats.sem(values.ravel()))
    estimate = crossed_interval(values)
    assert (estimate.low, estimate.high) == pytest.approx(expected)


@pytest.mark.parametrize("seeds", [5, 10])
def test_bounded_and_tied_scores_are_covered_too(seeds):
    rng = np.random.default_rng(seeds)
    hits = []
    for _ in range(RUNS):
        # agreement with a rationale: 0 or 1, more often 1 on easy texts and with good seeds
        chance = 1 / (1 + np.exp(-crossed(rng, seeds, 50, 0.3, 1.0, residual=0.0)))
        hits.append(holds(crossed_interval((rng.random(chance.shape) < chance) * 1.0), truth=0.5))
    assert 0.93 <= np.mean(hits) <= 0.97


def test_a_clear_difference_is_found():
    rng = np.random.default_rng(0)
    found = [crossed_interval(crossed(rng, 5, 50, 0.1, 0.5) + 0.4).low > 0 for _ in range(300)]
    assert np.mean(found) >= 0.8


def test_comparisons_of_a_table_hold_together():
    rng = np.random.default_rng(1)
    level = simultaneous_level(0.95, 6)
    tables = [[crossed_interval(crossed(rng, 5, 20, 0.5, 0.5), level) for _ in range(6)] for _ in range(400)]
    assert np.mean([any(each.low > 0 for each in table) for table in tables]) <= 0.05
    assert simultaneous_level(0.95, 0) == simultaneous_level(0.95, 1) == pytest.approx(0.95)


def test_the_variance_is_the_textbook_one():
    values = crossed(np.random.default_rng(2), 6, 9, 1.0, 1.0)
    mean = values.mean()
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    seed = 9 * sum((row - mean) ** 2 for row in rows) / 5
    text = 6 * sum((column - mean) ** 2 for column in columns) / 8
    residual = sum((values[s, t] - rows[s] - columns[t] + mean) ** 2 for s in range(6) for t in range(9)) / 40
    variance = (seed + text - residual) / 54
    freedom = (seed + text - residual) ** 2 / (seed**2 / 5 + text**2 / 8 + residual**2 / 40)
    half = stats.t.ppf(0.975, freedom) * variance**0.5
    estimate = crossed_interval(values)
    assert (estimate.low, estimate.high) == pytest.approx((mean - half, mean + half))
    assert (estimate.seeds, estimate.texts, estimate.method) == (6, 9, CROSSED)


def test_a_factor_without_effect_leaves_the_other_one():
    # every seed says the same, so that texts alone vary
    values = np.tile(np.arange(10.0), (5, 1))
    texts = stats.t.interval(0.95, 9, loc=4.5, scale=stats.sem(np.arange(10.0)))
    estimate = crossed_interval(values)
    assert (estimate.low, estimate.high) == pytest.approx(texts)


def test_few_seeds_speak_for_texts_only():
    values = crossed(np.random.default_rng(3), 4, 12, 1.0, 1.0)
    estimate = crossed_interval(values)
    expected = stats.t.interval(0.95, 11, loc=values.mean(), scale=stats.sem(values.mean(axis=0)))
    assert (estimate.low, estimate.high) == pytest.approx(expected)
    assert estimate.method == TEXTS_ONLY
    assert "these checkpoints only" in TEXTS_ONLY


def test_one_text_has_no_interval():
    estimate = crossed_interval(np.ones((5, 1)))
    assert estimate.mean == 1.0
    assert np.isnan([estimate.low, estimate.high, estimate.half]).all()
    assert estimate.method == NO_INTERVAL


@pytest.mark.parametrize("shape", [(5, 0), (0, 5)])
def test_nothing_has_no_mean(shape):
    assert np.isnan(crossed_interval(np.ones(shape)).mean)


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_an_incomplete_text_is_left_out_for_all_seeds(missing):
    values = crossed(np.random.default_rng(4), 5, 8, 1.0, 1.0)
    broken = values.copy()
    broken[2, 3] = missing
    assert crossed_interval(broken) == crossed_interval(np.delete(values, 3, axis=1))


@pytest.mark.parametrize(("texts", "method"), [(2, NO_SPREAD), (40, NO_SPREAD), (1, NO_INTERVAL)])
def test_constant_scores_promise_nothing(texts, method):
    for values in (np.full((5, texts), 0.25), np.full((3, texts), 0.1) + 0.2, np.zeros((5, texts))):
        estimate = crossed_interval(values)
        assert estimate.mean == pytest.approx(values[0, 0])
        assert np.isnan([estimate.low, estimate.high]).all()
        assert estimate.method == method


@pytest.mark.parametrize(("seeds", "shift"), [(3, 0.3), (5, 0.8), (12, -0.4)])
def test_the_interval_at_the_level_of_the_p_value_ends_at_zero(seeds, shift):
    values = crossed(np.random.default_rng(5), seeds, 15, 0.3, 0.5) + shift
    estimate = crossed_interval(values, 1 - two_sided_p(values))
    assert min(abs(estimate.low), abs(estimate.high)) == pytest.approx(0, abs=1e-9)
    assert two_sided_p(-values) == pytest.approx(two_sided_p(values))


def test_without_spread_the_sign_test_speaks():
    expected = stats.binomtest(20, 20, 0.5).pvalue
    assert two_sided_p(np.full((5, 20), 0.25)) == pytest.approx(expected)
    assert two_sided_p(np.full((5, 20), -0.25)) == pytest.approx(expected)
    assert two_sided_p(np.zeros((5, 20))) == 1
    assert two_sided_p(np.full((5, 2), 7.0)) == 0.5
    assert np.isnan(two_sided_p(np.ones((5, 1))))


def test_tables_analysed_at_once_are_those_analysed_alone():
    rng = np.random.default_rng(6)
    tables = np.stack([crossed(rng, 6, 9, seed, text) for seed in (0.0, 1.0) for text in (0.0, 1.0)])
    variance, freedom = mean_squares(tables).variance_of_mean()
    for table, half in zip(tables, stats.t.ppf(0.975, freedom) * variance**0.5, strict=True):
        assert crossed_interval(table).half == pytest.approx(half)
