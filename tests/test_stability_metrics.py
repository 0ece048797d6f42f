"""Metrics of the seeds' explanations: against their definitions, simulations with known moments, and scipy."""

from itertools import combinations, product

import numpy as np
import pytest
from attrimark_plugins.metrics.noise import Noise
from attrimark_plugins.metrics.seed_agreement import SeedAgreement, kendall
from attrimark_plugins.metrics.shared.seed_variation import scaled
from attrimark_plugins.metrics.signal import Signal
from attrimark_plugins.metrics.signal_to_noise import SignalToNoise
from attrimark_plugins.metrics.top_overlap import TopOverlap
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau

from tests.references.rankings import average_over_orders

FAMILY = (Signal, Noise, SignalToNoise)

few = st.integers(-2, 2).map(float)  # few values, so that many tie
several = st.tuples(st.integers(2, 5), st.integers(2, 5)).flatmap(lambda shape: arrays(np.float64, shape, elements=few))


def measured(metric, scores, weights=None) -> float:
    """The value for the seeds as they are, or for one draw of them."""
    weights = np.ones(len(scores)) if weights is None else np.array(weights, dtype=float)
    return float(metric.value(metric.terms(np.asarray(scores, dtype=float), weights[None, :]))[0])


def drawn(seeds: int, words: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((seeds, words))


# Signal, noise and their ratio


@settings(max_examples=60)
@given(st.integers(2, 6), st.integers(1, 6), st.integers(0, 10**6))
def test_signal_and_noise_follow_their_definitions_in_every_draw(seeds, words, seed):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((seeds, words))
    counts = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=4)
    signals, noises = (metric(scale="raw").terms(scores, counts.astype(float)) for metric in (Signal, Noise))
    for times, signal, noise in zip(counts, signals, noises, strict=True):
        population = scores.repeat(times, axis=0)
        assert signal == pytest.approx(population.mean(axis=0).var())
        assert noise == pytest.approx(population.var(axis=0).mean())


def test_known_moments_are_recovered_from_many_seeds_and_words():
    rng = np.random.default_rng(0)
    means, spread = 1.1 * rng.standard_normal(2000), 0.7
    scores = means + spread * rng.standard_normal((400, 2000))
    assert measured(Signal(scale="raw"), scores) == pytest.approx(means.var(), rel=0.02)
    assert measured(Noise(scale="raw"), scores) == pytest.approx(spread**2, rel=0.02)
    assert measured(SignalToNoise(scale="raw"), scores) == pytest.approx(means.var() / spread**2, rel=0.02)


@pytest.mark.parametrize("scale", ["raw", "min-max", "sum"])
def test_equal_seeds_have_no_noise_at_all(scale):
    for seed in range(20):
        scores = drawn(1, 7, seed).repeat(5, axis=0)
        assert measured(Noise(scale=scale), scores) == 0
        assert measured(Noise(scale=scale), drawn(5, 7, seed), [0, 3, 0, 0, 0]) == 0
        assert measured(SignalToNoise(scale=scale), scores) == np.inf


def test_the_ratio_of_nothing_to_nothing_has_no_value():
    assert np.isnan(measured(SignalToNoise(), np.full((4, 3), 0.1)))
    assert measured(SignalToNoise(scale="raw"), [[0.1] * 3, [0.3] * 3, [0.7] * 3]) == 0


def test_the_signal_of_one_word_is_nothing():
    for scale in ("raw", "min-max", "sum"):
        assert measured(Signal(scale=scale), drawn(5, 1)) == 0


def test_one_seed_says_nothing_of_other_seeds():
    assert np.isnan(measured(Noise(), drawn(1, 5)))
    assert np.isnan(measured(SignalToNoise(), drawn(1, 5)))
    assert measured(Signal(scale="raw"), drawn(1, 5)) == pytest.approx(drawn(1, 5).var())
    for metric in FAMILY:
        assert np.isnan(measured(metric(debiased=True), drawn(1, 5)))


@pytest.mark.parametrize("factor", [1e-6, 3.0, 1e9])
def test_the_unit_of_scores_leaves_the_ratio_as_it_is(factor):
    scores = drawn(6, 8)
    for scale in ("raw", "min-max", "sum"):
        metric = SignalToNoise(scale=scale)
        assert measured(metric, factor * scores) == pytest.approx(measured(metric, scores))
    assert measured(Noise(scale="raw"), factor * scores) == pytest.approx(
        factor**2 * measured(Noise(scale="raw"), scores)
    )


def test_min_max_forgets_the_place_and_size_of_each_explanation():
    scores = drawn(6, 8)
    moved = scores * np.arange(1, 7)[:, None] + np.arange(6)[:, None]
    for metric in FAMILY:
        assert measured(metric(), moved) == pytest.approx(measured(metric(), scores))
        assert measured(metric(scale="raw"), moved) != pytest.approx(measured(metric(scale="raw"), scores))


def test_sum_forgets_the_size_of_each_explanation_and_not_its_place():
    scores = drawn(6, 8)
    sized = scores * np.arange(1, 7)[:, None]
    for metric in FAMILY:
        assert measured(metric(scale="sum"), sized) == pytest.approx(measured(metric(scale="sum"), scores))
        assert measured(metric(scale="sum"), scores + 1) != pytest.approx(measured(metric(scale="sum"), scores))


def test_scales_are_what_they_say_also_where_nothing_is_to_be_scaled():
    scores = np.array([[1.0, -3.0, 0.0], [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(scaled(scores, "raw"), scores)
    np.testing.assert_allclose(scaled(scores, "min-max"), [[1, 0, 0.75], [0.5] * 3, [0.5] * 3])
    np.testing.assert_allclose(scaled(scores, "sum"), [[0.25, -0.75, 0], [1 / 3] * 3, [0] * 3])


def test_a_large_common_offset_costs_no_digits():
    scores = np.round(drawn(6, 8) * 2**20) / 2**20  # so that adding the offset rounds nothing
    for metric in FAMILY:
        for debiased in (False, True):
            near, far = (measured(metric(scale="raw", debiased=debiased), offset + scores) for offset in (0.0, 2.0**30))
            assert far == pytest.approx(near, rel=1e-12)


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_the_debiased_forms_are_unbiased_with_five_seeds(shared):
    """`shared` is the part of a seed's deviation that all of its words have in common."""
    rng, seeds, texts = np.random.default_rng(1), 5, 100
    means, spread = np.array([0.5, -0.3, 0.1, 0.0]), 0.7
    words = len(means)
    apart = np.kron(np.eye(texts), np.ones(seeds))  # each draw has five seeds of its own: a population for itself
    found = {(metric, debiased): [] for metric in (Signal, Noise) for debiased in (False, True)}
    for _ in range(40):
        own, common = (rng.standard_normal((texts * seeds, columns)) for columns in (words, 1))
        scores = means + spread * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
        for (metric, debiased), values in found.items():
            values.extend(metric(scale="raw", debiased=debiased).terms(scores, apart)[:, 0])
    truth = {Signal: means.var(), Noise: spread**2}
    bias = {Signal: (1 - shared) * spread**2 / seeds * (words - 1) / words, Noise: -(spread**2) / seeds}
    for (metric, debiased), values in found.items():
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - truth[metric] - (0 if debiased else bias[metric])) < 3 * error
        assert abs(bias[metric]) > 6 * error  # so that the other form would not pass


def test_debiased_figures_of_the_seeds_as_they_are_have_closed_forms():
    scores, seeds = drawn(5, 6) + np.arange(6), 5
    plain_signal, plain_noise, signal, noise = (
        measured(metric(scale="raw", debiased=debiased), scores) for debiased in (False, True) for metric in FAMILY[:2]
    )
    assert noise == pytest.approx(plain_noise * seeds / (seeds - 1))
    # what the mean over seeds still moves by, the part that all words share taken out
    centred = scores - scores.mean(axis=1, keepdims=True)
    assert signal == pytest.approx(plain_signal - centred.var(axis=0, ddof=1).mean() / seeds)


def test_debiased_noise_does_not_shrink_when_seeds_are_drawn_again():
    scores, draws = drawn(5, 6), np.random.default_rng(0).multinomial(5, [0.2] * 5, size=20000).astype(float)
    for debiased, factor in ((True, 1.0), (False, 0.8)):
        metric = Noise(scale="raw", debiased=debiased)
        noise = np.nanmean(metric.terms(scores, draws))
        assert noise == pytest.approx(factor * measured(metric, scores), rel=0.01)


def test_the_debiased_ratio_divides_the_debiased_figures():
    scores = drawn(5, 6) + np.arange(6)
    signal, noise = (measured(metric(debiased=True), scores) for metric in (Signal, Noise))
    assert measured(SignalToNoise(debiased=True), scores) == pytest.approx(signal / noise)


def test_over_texts_the_ratio_is_one_of_means():
    metric, ones = SignalToNoise(), np.ones((1, 4))
    texts = [drawn(4, 5, seed) for seed in range(3)]
    value = metric.value(np.mean([metric.terms(scores, ones) for scores in texts], axis=0))
    signal, noise = (np.mean([measured(part(), scores) for scores in texts]) for part in (Signal, Noise))
    assert value == pytest.approx(signal / noise)


# Agreement of pairs of seeds


@settings(max_examples=80)
@given(several)
def test_kendalls_tau_is_that_of_scipy_ties_included(scores):
    found = kendall(scores)
    for one, other in product(range(len(scores)), repeat=2):
        wanted = kendalltau(scores[one], scores[other]).statistic
        np.testing.assert_allclose(found[one, other], wanted, atol=1e-12)


@settings(max_examples=40)
@given(several)
def test_seed_agreement_is_the_mean_over_pairs_that_rank_anything(scores):
    taus = [kendalltau(one, other).statistic for one, other in combinations(scores, 2)]
    known = [tau for tau in taus if np.isfinite(tau)]
    wanted = np.mean(known) if known else np.nan
    np.testing.assert_allclose(measured(SeedAgreement(), scores), wanted, atol=1e-12)


@settings(max_examples=40)
@given(several, st.sampled_from([0.2, 0.5, 1.0]))
def test_top_overlap_is_the_expected_share_over_orders_of_ties(scores, ratio):
    k = max(1, int(np.ceil(ratio * scores.shape[1])))

    def shared(one: np.ndarray, other: np.ndarray) -> float:
        return average_over_orders(
            lambda here: average_over_orders(lambda there: len({*here[:k]} & {*there[:k]}) / k, other), one
        )

    wanted = np.mean([shared(one, other) for one, other in combinations(scores, 2)])
    assert measured(TopOverlap(ratio=ratio), scores) == pytest.approx(wanted)


OVER_PAIRS = (SeedAgreement(), TopOverlap(), Signal(debiased=True), Noise(debiased=True))


@pytest.mark.parametrize("metric", OVER_PAIRS, ids=str)
def test_a_seed_drawn_twice_is_not_compared_with_itself(metric):
    scores = drawn(3, 7)
    alone = {pair: measured(metric, scores[list(pair)]) for pair in combinations(range(3), 2)}
    assert measured(metric, scores, [2, 1, 0]) == pytest.approx(alone[0, 1])
    for counts in ([2, 1, 1], [3, 0, 4], [1, 5, 2]):
        draws = np.arange(3).repeat(counts)
        pairs = [tuple(sorted(pair)) for pair in combinations(draws.tolist(), 2) if pair[0] != pair[1]]
        assert measured(metric, scores, counts) == pytest.approx(np.mean([alone[pair] for pair in pairs]))


@pytest.mark.parametrize("metric", OVER_PAIRS, ids=str)
def test_a_draw_of_one_seed_has_no_pairs(metric):
    assert np.isnan(measured(metric, drawn(3, 7), [3, 0, 0]))
    assert np.isnan(measured(metric, drawn(1, 7)))


@pytest.mark.parametrize("metric", [SeedAgreement(), TopOverlap()], ids=str)
def test_seeds_that_rank_alike_agree_wholly_whatever_the_size_of_their_scores(metric):
    scores = drawn(1, 9)
    assert measured(metric, np.vstack([scores, 3 * scores + 1, np.exp(scores)])) == pytest.approx(1)


def test_opposite_rankings_disagree_wholly():
    scores = drawn(1, 9)
    assert measured(SeedAgreement(), np.vstack([scores, -scores])) == pytest.approx(-1)
    assert measured(TopOverlap(), np.vstack([scores, -scores])) == 0


def test_unrelated_seeds_agree_as_chance_has_it():
    scores = drawn(150, 20)
    assert measured(SeedAgreement(), scores) == pytest.approx(0, abs=0.01)
    assert measured(TopOverlap(ratio=0.25), scores) == pytest.approx(0.25, abs=0.01)


def test_constant_explanations_rank_nothing_and_share_what_chance_does():
    scores = np.vstack([drawn(2, 10), np.zeros(10)])
    assert measured(SeedAgreement(), scores) == pytest.approx(measured(SeedAgreement(), scores[:2]))
    assert np.isnan(measured(SeedAgreement(), scores, [1, 0, 2]))
    assert measured(TopOverlap(ratio=0.3), scores, [1, 0, 1]) == pytest.approx(0.3)


def test_a_text_of_one_word_ranks_nothing_and_shares_its_word():
    assert np.isnan(measured(SeedAgreement(), drawn(4, 1)))
    assert measured(TopOverlap(), drawn(4, 1)) == 1
