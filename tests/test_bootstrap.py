"""Bootstrap intervals cover what they promise, agree with scipy's and survive what statistics do on resamples."""

import numpy as np
import pytest
from attrimark.statistics.bootstrap import (
    FEW_SEEDS,
    SEEDS,
    SEEDS_ONLY,
    UNDEFINED,
    bca,
    bootstrap_seeds,
    bootstrap_seeds_and_texts,
    resamples,
    weighted_moments,
)
from attrimark.statistics.intervals import CROSSED
from scipy import stats


def generator(seed=0):
    return np.random.default_rng(seed)


def holds(estimate, truth):
    return estimate.low <= truth <= estimate.high


def noise_of(scores, unbiased=True):
    """The mean over words of the variance over seeds."""
    return lambda weights: weighted_moments(weights, scores, unbiased)[1].mean(axis=1)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_interval_covers_the_noise_of_normal_scores(shift):
    # shift: of all words of a seed together, so that 15 words say little more than one
    rng, hits = generator(1), []
    for _ in range(400):
        scores = rng.standard_normal(15) + rng.standard_normal((20, 15)) + shift * rng.standard_normal((20, 1))
        hits.append(holds(bootstrap_seeds(noise_of(scores), 20, rng), 1 + shift**2))
    assert 0.88 <= np.mean(hits) <= 0.98


def test_a_resample_takes_no_variance_from_the_unbiased_noise():
    scores = generator(2).standard_normal((6, 40))
    (weights,) = resamples(generator(3), 4000, 6)
    for unbiased, kept in ((True, 1.0), (False, 5 / 6)):
        values = noise_of(scores, unbiased)(weights)
        assert np.nanmean(values[7:]) == pytest.approx(kept * values[0], rel=0.01)


def test_weighted_moments_are_those_of_the_repeated_seeds():
    scores = generator(4).standard_normal((4, 3, 2)) + 1e6
    counts = np.array([[1, 1, 1, 1], [3, 0, 1, 0], [0, 0, 4, 0]])
    mean, variance = weighted_moments(counts.astype(float), scores)
    for row, count in enumerate(counts):
        drawn = np.repeat(scores, count, axis=0)
        np.testing.assert_allclose(mean[row], drawn.mean(axis=0))
        np.testing.assert_allclose(variance[row], drawn.var(axis=0), atol=1e-9)
    _, unbiased = weighted_moments(counts.astype(float), scores, unbiased=True)
    np.testing.assert_allclose(unbiased[0], scores.var(axis=0, ddof=1), atol=1e-9)
    np.testing.assert_allclose(unbiased[1], (scores[0] - scores[2]) ** 2 / 2, atol=1e-9)  # the one pair there is
    assert np.isnan(unbiased[2]).all()


def test_the_mean_has_scipys_interval():
    values = generator(5).exponential(size=25)
    ours = bootstrap_seeds(lambda weights: weights @ values / weights.sum(axis=1), 25, generator(6), draws=20_000)
    theirs = stats.bootstrap((values,), np.mean, method="BCa", n_resamples=20_000, rng=generator(7))
    # three standard errors of the 2.5 % point of 20,000 draws, a mean's being about 0.2
    assert ours.mean == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx(theirs.confidence_interval, abs=0.02)


def test_factors_accelerate_as_independent_samples_do():
    one, other = generator(8).exponential(size=12), generator(9).exponential(size=30)

    def difference(ones, others):
        return ones @ one / ones.sum(axis=1) - others @ other / others.sum(axis=1)

    ours = bootstrap_seeds_and_texts(difference, 12, 30, generator(10), draws=20_000)
    theirs = stats.bootstrap(
        (one, other),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        method="BCa",
        n_resamples=20_000,
        rng=generator(11),
    )
    assert (ours.low, ours.high) == pytest.approx(theirs.confidence_interval, abs=0.03)


def mean_of(scores):
    """The mean over seeds and texts."""

    def statistic(seeds, texts):
        total = np.einsum("rs,st,rt->r", seeds, scores, texts, optimize=True)
        return total / seeds.sum(axis=1) / texts.sum(axis=1)

    return statistic


@pytest.mark.parametrize("spreads", [(1.0, 0.3), (0.3, 1.0)])
def test_the_crossed_interval_covers_a_mean_over_seeds_and_texts(spreads):
    rng, hits = generator(12), []
    for _ in range(300):
        shifts = spreads[0] * rng.standard_normal((20, 1)) + spreads[1] * rng.standard_normal((1, 30))
        scores = shifts + rng.standard_normal((20, 30))
        hits.append(holds(bootstrap_seeds_and_texts(mean_of(scores), 20, 30, rng), 0.0))
    assert 0.88 <= np.mean(hits) <= 0.98


def test_the_generator_decides_the_draws():
    scores = generator(13).standard_normal((8, 5))
    first, again, other = (bootstrap_seeds(noise_of(scores), 8, generator(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert (first.seeds, first.texts, first.level, first.method) == (8, 1, 0.95, SEEDS)


@pytest.mark.parametrize("unbiased", [True, False])
def test_identical_seeds_have_an_interval_without_width(unbiased):
    scores = np.tile(generator(14).standard_normal(7), (10, 1))
    estimate = bootstrap_seeds(noise_of(scores, unbiased), 10, generator())
    assert (estimate.mean, estimate.low, estimate.high, estimate.half) == (0, 0, 0, 0)


def snr_of(scores):
    def statistic(weights):
        mean, variance = weighted_moments(weights, scores)
        with np.errstate(divide="ignore"):
            return mean.var(axis=1) / variance.mean(axis=1)

    return statistic


def test_a_ratio_over_no_noise_is_infinite_with_infinite_ends():
    estimate = bootstrap_seeds(snr_of(np.tile(np.arange(4.0), (10, 1))), 10, generator())
    assert (estimate.mean, estimate.low, estimate.high, estimate.method) == (np.inf, np.inf, np.inf, SEEDS)


def test_some_infinite_draws_make_one_end_infinite():
    scores = np.tile(np.arange(4.0), (6, 1))
    scores[0] += [0.1, 0.0, 0.0, -0.1]  # a third of the draws misses the one seed that differs
    estimate = bootstrap_seeds(snr_of(scores), 6, generator())
    assert 0 < estimate.low < estimate.mean < estimate.high == np.inf


def test_few_seeds_have_a_value_and_no_interval():
    scores = generator(15).standard_normal((4, 5))
    estimate = bootstrap_seeds(noise_of(scores), 4, generator(), texts=3)
    assert estimate.mean == pytest.approx(scores.var(axis=0, ddof=1).mean())
    assert np.isnan([estimate.low, estimate.high]).all()
    assert (estimate.method, estimate.texts) == (FEW_SEEDS, 3)
    assert "fewer than 5 seeds" in FEW_SEEDS
    assert bootstrap_seeds_and_texts(mean_of(scores), 4, 5, generator()).method == FEW_SEEDS


def test_few_texts_are_held_as_they_are():
    scores = generator(16).standard_normal((9, 4)) + 100 * np.arange(4)
    estimate = bootstrap_seeds_and_texts(mean_of(scores), 9, 4, generator(17))
    alone = bootstrap_seeds(lambda weights: weights @ scores.mean(axis=1) / 9, 9, generator(17))
    assert (estimate.low, estimate.high) == pytest.approx((alone.low, alone.high), rel=1e-3)
    assert estimate.method == SEEDS_ONLY
    assert bootstrap_seeds_and_texts(mean_of(scores.T), 4, 9, generator()).method == FEW_SEEDS
    assert bootstrap_seeds_and_texts(mean_of(np.ones((5, 5))), 5, 5, generator()).method == CROSSED


@pytest.mark.parametrize(("missing", "method"), [(0.02, SEEDS), (0.2, UNDEFINED)])
def test_draws_without_a_value_are_left_out_while_they_are_few(missing, method):
    values = generator(18).standard_normal(10)

    def statistic(weights):
        found = weights @ values / weights.sum(axis=1)
        found[11:][: int(missing * 1000)] = np.nan
        return found

    estimate = bootstrap_seeds(statistic, 10, generator())
    assert estimate.method == method
    assert np.isnan(estimate.low) == (method == UNDEFINED)


def test_a_statistic_without_a_value_has_no_interval():
    estimate = bootstrap_seeds(lambda weights: np.full(len(weights), np.nan), 10, generator())
    assert np.isnan([estimate.mean, estimate.low, estimate.high]).all()
    assert estimate.method == UNDEFINED


@pytest.mark.parametrize("beyond", [-5.0, 5.0])
def test_draws_on_one_side_of_the_value_still_have_an_order(beyond):
    (weights,) = resamples(generator(19), 500, 6)
    values = np.concatenate([[beyond], np.zeros(6), generator(20).standard_normal(500)])
    low, high = bca(values, (6,), 0.95)
    assert values[7:].min() <= low <= high <= values[7:].max()
    assert len(weights) == len(values)


def test_resamples_hold_the_plain_row_then_the_jackknife_then_the_draws():
    seeds, texts = resamples(generator(21), 50, 3, 2)
    np.testing.assert_array_equal(seeds[:6], [[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 1, 1], [1, 1, 1]])
    np.testing.assert_array_equal(texts[:6], [[1, 1], [1, 1], [1, 1], [1, 1], [0, 1], [1, 0]])
    assert (seeds[6:].sum(axis=1) == 3).all()
    assert (texts[6:].sum(axis=1) == 2).all()
    assert len(seeds) == len(texts) == 56
