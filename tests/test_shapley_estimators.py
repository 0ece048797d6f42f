"""Shapley values at a budget: exact where the budget is whole, and honest about their error where it is not."""

from math import comb

import numpy as np
import pytest
from attrimark_plugins.methods.kernel_shap import KernelShap, by_kernel
from attrimark_plugins.methods.leverage_shap import LeverageShap, by_leverage, expected_pairs
from attrimark_plugins.methods.shapley_antithetic import ShapleyAntithetic
from attrimark_plugins.methods.shapley_exact import ShapleyExact
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.methods.shared.coalition_pairs import all_pairs, drawn, drawn_once, how_many, pairs_of, takes_all
from attrimark_plugins.methods.shared.coalition_regression import every_pair
from attrimark_registry import Feature, Scores, Unsupported
from attrimark_registry.conformance import SUBSET_METHOD_CHECKS, additive_game, play, random_game
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shapiq import ExactComputer
from shapiq.approximator import KernelSHAP

from tests.references.shapley import gains_along, shapley_over_orders
from tests.references.shapley_regression import shapley_regression

ESTIMATORS = (ShapleyAntithetic, KernelShap, LeverageShap)
REGRESSIONS = (KernelShap, LeverageShap)
BUDGET = 20 * 9 + 2  # what twenty orders of ten features cost


def explained(method, game, count: int, seed: int = 0) -> Scores:
    features = [Feature(f"w{place}", 0, 3 * place, 3 * place + 2) for place in range(count)]
    return play(method.explore(features, np.random.default_rng(seed)), game, count)


def asked(method, count: int, seed: int = 0) -> np.ndarray:
    """The subsets that a method asks for, as rows."""
    rows = []
    game = random_game(count)
    explained(method, lambda keep: (rows.append(keep), game(keep))[1], count, seed)
    return np.concatenate(rows)


def sparse_game(count: int, seed: int, terms: int = 12):
    """Weights, and a few interactions of two to four features."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal(count)
    groups = [rng.choice(count, rng.integers(2, 5), replace=False) for _ in range(terms)]
    sizes = rng.standard_normal(terms)

    def value(keep):
        together = np.stack([keep[:, group].all(axis=1) for group in groups], axis=1)
        return keep @ weights + together @ sizes

    return value


def saturated_game(count: int, seed: int):
    """A value that levels off, as probabilities do."""
    weights = np.random.default_rng(seed).standard_normal(count)
    return lambda keep: np.tanh(keep @ weights - 0.5)


def table_game(count: int, seed: int):
    """Nothing but noise: every subset has a value of its own."""
    table = np.random.default_rng(seed).standard_normal(2**count)
    return lambda keep: table[keep @ (1 << np.arange(count))]


GAMES = [make(10, seed) for make in (sparse_game, saturated_game, table_game) for seed in range(2)]


def squared_errors(method, game, exact, draws: int) -> tuple[float, float]:
    """The mean squared error over draws and features, and what the standard errors say it is."""
    told, off = [], []
    for seed in range(draws):
        scores = explained(method, game, len(exact), seed)
        off.append((scores.values - exact) ** 2)
        told.append(scores.diagnostics["standard_error"] ** 2)
    return float(np.mean(off)), float(np.mean(told))


# What all of them hold


@pytest.mark.parametrize("check", SUBSET_METHOD_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("budget", [18, 64, 1024])  # for nine words: the least, some, and all
@pytest.mark.parametrize("method", ESTIMATORS)
def test_estimators_conform_at_any_budget(method, budget, check):
    check(method(budget=budget))


@pytest.mark.parametrize("count", [1, 2, 3, 6])
@pytest.mark.parametrize("method", ESTIMATORS)
def test_a_whole_budget_gives_the_average_over_all_orders(method, count):
    game = table_game(count, seed=count)
    scores = explained(method(budget=2**count), game, count)
    np.testing.assert_allclose(scores.values, shapley_over_orders(game, count), atol=1e-8)
    assert (scores.diagnostics["standard_error"] == 0).all()


@pytest.mark.parametrize("method", ESTIMATORS)
def test_a_whole_budget_equals_shapiqs_exact_values(method):
    game = table_game(8, 0)
    theirs = ExactComputer(lambda keep: game(np.atleast_2d(keep).astype(bool)), n_players=8)("SV")
    ours = explained(method(budget=256), game, 8).values
    np.testing.assert_allclose(ours, [theirs[(player,)] for player in range(8)], atol=1e-8)


@pytest.mark.parametrize("method", ESTIMATORS)
def test_a_budget_above_all_subsets_asks_for_each_once(method):
    rows = asked(method(budget=10**6), 5)
    assert len(rows) == len(np.unique(rows, axis=0)) == 32


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ESTIMATORS), st.integers(1, 40), st.integers(0, 200), st.integers(0, 10**6))
def test_no_budget_is_overdrawn_and_no_subset_asked_for_twice(method, count, more, seed):
    budget = 2 * count + more
    rows = asked(method(budget=budget), count, seed)
    assert len(np.unique(rows, axis=0)) == len(rows)
    if takes_all(budget, count):
        assert len(rows) == 2**count <= budget * 4 / 3
    elif method in REGRESSIONS:
        assert len(rows) == budget // 2 * 2  # what is even is spent to the last
    else:
        assert len(rows) <= budget


@pytest.mark.parametrize(("count", "budget"), [(3, 6), (4, 12), (4, 13), (4, 14), (4, 15), (5, 24), (8, 192)])
@pytest.mark.parametrize("method", ESTIMATORS)
def test_a_budget_for_three_quarters_of_all_subsets_takes_all(method, count, budget):
    game = table_game(count, seed=count)
    scores = explained(method(budget=budget), game, count)
    np.testing.assert_allclose(scores.values, explained(ShapleyExact(), game, count).values, atol=1e-8)
    assert (scores.diagnostics["standard_error"] == 0).all()
    if budget - 1 >= 2 * count and not takes_all(budget - 1, count):
        assert len(asked(method(budget=budget - 1), count)) < budget


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ESTIMATORS), st.integers(1, 30), st.integers(0, 60), st.integers(0, 10**6))
def test_additive_games_are_solved_from_the_least_budget_on(method, count, more, seed):
    weights = np.random.default_rng(seed).standard_normal(count)
    scores = explained(method(budget=2 * count + more), additive_game(weights, empty=0.7), count, seed)
    np.testing.assert_allclose(scores.values, weights, atol=1e-8)
    np.testing.assert_allclose(scores.diagnostics.get("standard_error", 0.0), 0.0, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ESTIMATORS), st.integers(1, 12), st.integers(0, 60), st.integers(0, 10**6))
def test_scores_sum_to_what_is_gained(method, count, more, seed):
    game = random_game(count, seed)
    full, empty = game(np.array([[True], [False]]).repeat(count, axis=1))
    scores = explained(method(budget=2 * count + more), game, count, seed).values
    assert scores.sum() == pytest.approx(full - empty, abs=1e-8)


@pytest.mark.parametrize("count", [2, 3, 12, 130])
@pytest.mark.parametrize("method", ESTIMATORS)
def test_a_budget_too_small_is_refused_with_the_smallest_one(method, count):
    with pytest.raises(Unsupported, match=f"at least {2 * count} evaluations, not {2 * count - 1}"):
        asked(method(budget=2 * count - 1), count)
    assert len(asked(method(budget=2 * count), count)) <= max(2 * count, 8)  # of three features all subsets are taken


@pytest.mark.parametrize("method", ESTIMATORS)
def test_a_budget_that_explains_nothing_is_no_option(method):
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        method(budget=1)


@pytest.mark.parametrize("method", ESTIMATORS)
def test_estimates_converge(method):
    game = table_game(10, 1)
    exact = explained(ShapleyExact(), game, 10).values
    few, many = (squared_errors(method(budget=budget), game, exact, draws=40)[0] for budget in (62, 602))
    assert many < few / 5


# orders are unbiased: 3.5 standard errors of the mean; a regression's bias vanishes only as its samples grow
@pytest.mark.parametrize(("method", "most"), [(ShapleyAntithetic, 0.2), (KernelShap, 0.4), (LeverageShap, 0.4)])
def test_the_mean_over_many_draws_is_the_exact_value(method, most):
    game = table_game(6, 2)
    exact = explained(ShapleyExact(), game, 6).values
    draws = np.array([explained(method(budget=44), game, 6, seed).values for seed in range(300)])
    assert (np.abs(draws.mean(axis=0) - exact) < most * draws.std(axis=0)).all()


@pytest.mark.parametrize("game", range(len(GAMES)))
@pytest.mark.parametrize("method", ESTIMATORS)
def test_standard_errors_are_those_of_the_draws(method, game):
    exact = explained(ShapleyExact(), GAMES[game], 10).values
    for budget in (62, 302):
        off, told = squared_errors(method(budget=budget), GAMES[game], exact, draws=40)
        assert 0.5 < (told / off) ** 0.5 < 2


@pytest.mark.parametrize(("count", "budget"), [(5, 20), (5, 22), (6, 28), (6, 42), (7, 60)])
@pytest.mark.parametrize("method", REGRESSIONS)
def test_standard_errors_hold_for_few_features_too(method, count, budget):
    games = [table_game(count, seed) for seed in range(3)]
    exact = [explained(ShapleyExact(), game, count).values for game in games]
    off, told = zip(
        *(squared_errors(method(budget=budget), *each, draws=100) for each in zip(games, exact, strict=True)),
        strict=True,
    )
    assert 0.8 < (np.mean(told) / np.mean(off)) ** 0.5 < 1.25


@pytest.mark.parametrize("method", [*REGRESSIONS, ShapleyAntithetic])
def test_without_pairs_to_spare_there_is_no_standard_error(method):
    assert explained(method(budget=20), GAMES[0], 10).diagnostics == {}


@pytest.mark.parametrize("make", [sparse_game, saturated_game, table_game])
@pytest.mark.parametrize("method", REGRESSIONS)
def test_regressions_at_least_halve_the_squared_error_of_orders(method, make):
    ratios = []
    for seed in range(4):
        game = make(10, seed)
        exact = explained(ShapleyExact(), game, 10).values
        orders, _ = squared_errors(ShapleySampling(permutations=20), game, exact, draws=20)
        regression, _ = squared_errors(method(budget=BUDGET), game, exact, draws=20)
        ratios.append(regression / orders)
    assert np.exp(np.mean(np.log(ratios))) < 0.5


# Antithetic orders


@pytest.mark.parametrize("pairs", [1, 4])
def test_every_order_is_taken_forwards_and_backwards(pairs):
    count, game, rng = 7, table_game(7, 0), np.random.default_rng(5)
    orders = [tuple(rng.permutation(count)) for _ in range(pairs)]
    gains = [(gains_along(game, order) + gains_along(game, order[::-1])) / 2 for order in orders]
    scores = explained(ShapleyAntithetic(budget=pairs * 12 + 2), game, count, seed=5)
    np.testing.assert_allclose(scores.values, np.mean(gains, axis=0), atol=1e-10)
    if pairs > 1:
        error = np.std(gains, axis=0, ddof=1) / np.sqrt(pairs)
        np.testing.assert_allclose(scores.diagnostics["standard_error"], error, atol=1e-10)


def test_a_pair_of_orders_solves_games_of_pairs():
    """In one of the two orders a feature comes before its partner, in the other one after it."""
    game = random_game(9)
    exact = explained(ShapleyExact(), game, 9).values
    np.testing.assert_allclose(explained(ShapleyAntithetic(budget=18), game, 9).values, exact, atol=1e-8)
    assert np.abs(explained(ShapleySampling(permutations=2), game, 9).values - exact).max() > 0.1


# Pairs of complementary subsets


@pytest.mark.parametrize("count", range(1, 10))
def test_pairs_and_their_complements_are_all_subsets(count):
    pairs = all_pairs(count)
    both = np.concatenate([pairs, ~pairs])
    assert len(np.unique(both, axis=0)) == len(both) == 2**count - 2
    assert [len(pairs_of(count, size)) for size in range(1, count // 2 + 1)] == [
        how_many(count, size) for size in range(1, count // 2 + 1)
    ]


@pytest.mark.parametrize(("count", "size"), [(5, 2), (6, 3)])
def test_pairs_of_a_size_are_drawn_equally_often(count, size):
    keep = drawn(count, np.full(20_000, size), np.random.default_rng(0))
    found, times = np.unique(keep, axis=0, return_counts=True)
    np.testing.assert_array_equal(found, np.unique(pairs_of(count, size), axis=0))
    assert np.abs(times / times.mean() - 1).max() < 0.1


@pytest.mark.parametrize(("count", "size"), [(5, 2), (6, 3)])
def test_pairs_drawn_once_differ_and_are_equally_likely(count, size):
    rng = np.random.default_rng(0)
    number = how_many(count, size) - 2
    draws = [drawn_once(count, size, number, rng) for _ in range(1500)]
    assert all(len(np.unique(keep, axis=0)) == number for keep in draws)
    _, times = np.unique(np.concatenate(draws), axis=0, return_counts=True)
    assert np.abs(times / times.mean() - 1).max() < 0.1


# Regressions


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 9), st.integers(0, 40), st.integers(0, 10**6), st.sampled_from([by_kernel, by_leverage]))
def test_pairs_of_a_regression_stand_for_both_their_subsets(count, more, seed, draw):
    """The one row a pair gives, against the textbook's normal equations with one row a subset."""
    number = min(count - 1 + more, 3 * 2 ** (count - 3) - 2)
    sample = draw(count, number, np.random.default_rng(seed))
    game = table_game(count, seed)
    keep = np.concatenate([sample.pairs, ~sample.pairs])
    wanted = shapley_regression(game, keep, np.concatenate([sample.weights, sample.weights]))
    method = {by_kernel: KernelShap, by_leverage: LeverageShap}[draw](budget=2 * number + 2)
    np.testing.assert_allclose(explained(method, game, count, seed).values, wanted, rtol=1e-6, atol=1e-7)


def test_every_pair_has_the_shapley_kernels_weight():
    sample = every_pair(6)
    size = sample.pairs.sum(axis=1)
    kernel = np.array([5 / (comb(6, s) * s * (6 - s)) for s in size])
    np.testing.assert_allclose(sample.weights / sample.weights[0], kernel / kernel[0])


def test_kernel_shap_draws_sizes_as_the_kernel_weighs_them():
    sample = by_kernel(40, 4000, np.random.default_rng(0))
    size = sample.pairs.sum(axis=1)
    share = np.bincount(size, sample.weights, minlength=21)[1:] / sample.weights.sum()
    sizes = np.arange(1, 21)
    kernel = np.where(sizes == 20, 0.5, 1.0) / (sizes * (40 - sizes))
    np.testing.assert_allclose(share, kernel / kernel.sum(), atol=0.01)


def test_kernel_shap_is_as_close_as_shapiqs_with_the_same_budget():
    ours, theirs = [], []
    for seed in range(12):
        game = sparse_game(10, seed)
        exact = explained(ShapleyExact(), game, 10).values
        ours.append(((explained(KernelShap(budget=200), game, 10, seed).values - exact) ** 2).mean())
        approximator = KernelSHAP(10, random_state=seed)
        values = approximator.approximate(200, lambda keep, game=game: game(np.atleast_2d(keep).astype(bool)))
        theirs.append(((values.get_n_order_values(1) - exact) ** 2).mean())
    assert np.exp(np.mean(np.log(ours))) < 3 * np.exp(np.mean(np.log(theirs)))


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 60), st.integers(1, 3000))
def test_leverage_wants_the_same_number_of_every_size_that_has_so_many(count, number):
    there = np.array([float(how_many(count, size)) for size in range(1, count // 2 + 1)])
    number = int(min(number, there.sum()))
    expected = expected_pairs(count, number)
    assert expected.sum() == pytest.approx(number)
    assert (expected <= there * (1 + 1e-9)).all()
    # the probability min(1, c/C(n, s)), for one c
    subsets = np.array([float(comb(count, size)) for size in range(1, count // 2 + 1)])
    constants = (expected / there * subsets)[expected < there * (1 - 1e-9)]
    assert len(constants) == 0 or np.ptp(constants) < 1e-6 * constants.max()
    whole = expected >= there * (1 - 1e-9)
    assert len(constants) == 0 or (subsets[whole] <= constants.max() * (1 + 1e-6)).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 30), st.integers(0, 200), st.integers(0, 10**6))
def test_leverage_spends_its_pairs_and_none_twice(count, more, seed):
    number = min(count - 1 + more, 2 ** (count - 1) - 1)
    sample = by_leverage(count, number, np.random.default_rng(seed))
    assert len(sample.pairs) == len(np.unique(sample.pairs, axis=0)) == number
    rounded = np.bincount(sample.pairs.sum(axis=1), minlength=count // 2 + 1)[1:]
    assert np.abs(rounded - expected_pairs(count, number)).max() < 1


def test_leverage_weights_undo_the_probabilities():
    """Horvitz & Thompson: the weighted sample of any sum is right on average."""
    count, number = 7, 20
    whole = every_pair(count)
    values = {
        pair.tobytes(): value for pair, value in zip(whole.pairs, np.random.default_rng(0).random(63), strict=True)
    }
    wanted = sum(weight * values[pair.tobytes()] for pair, weight in zip(whole.pairs, whole.weights, strict=True))
    rng = np.random.default_rng(1)
    sums = []
    for _ in range(1000):
        sample = by_leverage(count, number, rng)
        found = [values[pair.tobytes()] for pair in sample.pairs]
        sums.append(sample.weights @ found)
    assert np.mean(sums) == pytest.approx(wanted, abs=4 * np.std(sums) / np.sqrt(len(sums)))


def test_very_long_texts_are_no_trouble():
    """There are more subsets of 1,100 words than floats reach."""
    weights = np.random.default_rng(0).standard_normal(1100)
    scores = explained(LeverageShap(budget=2300), additive_game(weights), 1100)
    np.testing.assert_allclose(scores.values, weights, atol=1e-6)
