"""Comparisons of one family: what they share is allowed for, and what cannot be judged is not."""

import numpy as np
import pytest
from attrimark.statistics.crossed_null import (
    CrossedNull,
    adjusted,
    critical,
    half_widths,
    normal_scores,
    observed_scores,
)
from attrimark.statistics.intervals import CROSSED, NO_INTERVAL, NO_SPREAD, TEXTS_ONLY, MeanSquares, two_sided_p
from attrimark.statistics.simultaneous import simultaneous
from scipy import stats


def generator(seed=0):
    return np.random.default_rng(seed)


def tables(seed, methods=3, seeds=6, texts=15):
    rng = generator(seed)
    effects = 0.3 * rng.standard_normal((methods, seeds, 1)) + 0.5 * rng.standard_normal((methods, 1, texts))
    return effects + rng.standard_normal((methods, seeds, texts)) + 0.4 * np.arange(methods)[:, None, None]


def named(values):
    return {f"m{place}": each for place, each in enumerate(values)}


def texts_alone(values):
    """The same for every seed, so that a t test over texts is exact."""
    return np.repeat(values[:, :1], 5, axis=1)


def test_an_interval_excludes_zero_where_the_p_value_is_small_and_only_there():
    directions = set()
    for seed, level in enumerate((0.5, 0.8, 0.9, 0.95, 0.99)):
        for each in simultaneous(named(tables(seed, methods=6)), level=level).values():
            excluded = each.difference.low > 0 or each.difference.high < 0
            assert excluded == (each.p <= 1 - level) == (each.direction in ("above", "below"))
            assert each.difference.low <= each.difference.mean <= each.difference.high
            assert (each.difference.level, each.difference.method) == (level, CROSSED)
            directions.add(each.direction)
    assert directions >= {"above", "tie"}


def test_a_single_comparison_is_a_t_test():
    values = texts_alone(tables(1, methods=1, texts=12)) + 0.5
    (alone,) = simultaneous(named(values), draws=40_000).values()
    assert alone.p == pytest.approx(stats.ttest_1samp(values[0, 0], 0).pvalue, abs=0.008)
    assert alone.p == pytest.approx(two_sided_p(values[0]), abs=0.008)
    low, high = stats.t.interval(0.95, 11, loc=values.mean(), scale=stats.sem(values[0, 0]))
    assert (alone.difference.low, alone.difference.high) == pytest.approx((low, high), abs=0.02)


def test_independent_comparisons_are_as_many_as_they_are():
    values = texts_alone(tables(2, methods=4, texts=400))
    alone = {name: two_sided_p(each) for name, each in named(values).items()}
    for name, each in simultaneous(named(values), draws=40_000).items():
        expected = 1 - (1 - alone[name]) ** 4
        # those that were decided before are not counted
        assert alone[name] - 0.01 <= each.p <= expected + 0.02
    (least,) = (name for name in alone if alone[name] == min(alone.values()))
    assert simultaneous(named(values), draws=40_000)[least].p == pytest.approx(1 - (1 - alone[least]) ** 4, abs=0.02)


def test_comparisons_with_one_control_are_those_of_dunnett():
    rng = generator(3)
    control, treated = rng.standard_normal(200), rng.standard_normal((4, 200)) + 0.2
    differences = np.repeat((treated - control)[:, None], 5, axis=1)
    found = simultaneous(named(differences), draws=40_000)
    # for many texts: the maximum of normals with pairwise correlation 1/2
    correlation = stats.multivariate_normal(np.zeros(4), 0.5 + 0.5 * np.eye(4))
    t = {name: abs(stats.ttest_1samp(each[0], 0).statistic) for name, each in named(differences).items()}
    largest = max(t, key=lambda name: t[name])
    expected = 2 * (1 - correlation.cdf(np.full(4, t[largest])))
    assert found[largest].p == pytest.approx(expected, abs=0.02)


def test_a_comparison_twice_costs_nothing():
    one = tables(4, methods=2)
    alone = simultaneous(named(one), 1, draws=20_000)
    twice = simultaneous(named(np.concatenate([one, one])), 2, draws=20_000)
    for name, each in alone.items():
        assert twice[name].p == pytest.approx(each.p, abs=0.03)
        assert twice[name].difference.half == pytest.approx(each.difference.half, rel=0.05)


def test_one_that_is_clearly_better_or_worse_changes_nothing_of_the_others():
    values = tables(5, methods=4, seeds=10, texts=30) / 3
    alone = simultaneous(named(values))
    for far in (9.0, -9.0):
        more = simultaneous(named(values) | {"far": tables(6, methods=1, seeds=10, texts=30)[0] + far})
        assert {name: more[name].direction for name in alone} == {name: each.direction for name, each in alone.items()}
        assert [more[name].p for name in alone] == pytest.approx([each.p for each in alone.values()], abs=0.002)


def test_one_more_bad_method_costs_the_others_little():
    methods = tables(5, methods=8, seeds=10, texts=30)
    methods[-1] -= 9
    differences = methods[1:] - methods[0]
    before = simultaneous(named(differences[:-1]), draws=20_000)
    after = simultaneous(named(differences), draws=20_000)
    for name, each in before.items():
        assert after[name].difference.half / each.difference.half <= 1.05
        assert after[name].direction == each.direction
    assert after["m6"].direction == "below"


def test_the_unit_and_the_sign_do_not_matter():
    values = tables(6)
    plain = simultaneous(named(values))
    mirrored = simultaneous(named(-1000 * values))
    for name, each in plain.items():
        assert mirrored[name].p == pytest.approx(each.p, abs=0.02)
        assert mirrored[name].difference.low == pytest.approx(-1000 * each.difference.high, rel=0.05, abs=20)


def test_the_generator_decides_the_draws():
    values = named(tables(7))
    assert simultaneous(values, 1) == simultaneous(values, 1) != simultaneous(values, 2)


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_an_incomplete_text_is_left_out_of_all_comparisons(missing):
    values = tables(8)
    broken = values.copy()
    broken[1, 2, 3] = missing
    whole = simultaneous(named(np.delete(values, 3, axis=2)))
    assert simultaneous(named(broken)) == whole
    assert {each.difference.texts for each in whole.values()} == {14}


def test_few_seeds_speak_for_texts_only():
    values = tables(9, seeds=4)
    few = simultaneous(named(values))
    means = simultaneous(named(np.repeat(values.mean(axis=1, keepdims=True), 2, axis=1)))
    for name, each in few.items():
        assert each.difference.method == TEXTS_ONLY
        assert each.p == pytest.approx(means[name].p, abs=0.02)


@pytest.mark.parametrize("seeds", [1, 5])
def test_one_text_says_nothing(seeds):
    (each,) = simultaneous({"m": np.ones((seeds, 1))}).values()
    assert np.isnan(each.p)
    assert (each.direction, each.difference.method, each.difference.mean) == ("–", NO_INTERVAL, 1)


def test_no_comparison_is_no_error():
    assert simultaneous({}) == {}
    (nothing,) = simultaneous({"m": np.full((5, 3), np.nan)}).values()
    assert nothing.direction == "–"


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize(("texts", "direction"), [(2, "–"), (4, "–"), (20, "above")])
def test_the_same_difference_everywhere_has_no_interval(seeds, texts, direction):
    values = {"alike": np.full((seeds, texts), 0.25), "other": tables(10, 1, seeds, texts)[0]}
    found = simultaneous(values)
    assert np.isnan([found["alike"].difference.low, found["alike"].difference.high]).all()
    assert found["alike"].difference.method == NO_SPREAD
    assert found["alike"].direction == direction
    assert found["alike"].p >= 0.99 * two_sided_p(values["alike"])  # draws have a standard error


def test_without_any_difference_there_is_a_tie():
    found = simultaneous({"same": np.zeros((5, 2)), "other": tables(11, 1, 5, 2)[0]})
    assert (found["same"].direction, found["same"].p) == ("tie", 1)
    assert simultaneous({"same": np.zeros((5, 2))})["same"].direction == "tie"


def test_too_few_draws_for_a_level_leave_intervals_without_ends():
    (each,) = simultaneous({"m": tables(12, 1)[0] + 9}, level=0.99, draws=50).values()
    assert (each.difference.low, each.difference.high, each.direction) == (-np.inf, np.inf, "tie")


@pytest.mark.parametrize("freedom", [3.0, 8.0, 40.0, 1000.0])
def test_normal_scores_are_those_of_student_s_t(freedom):
    t = np.array([-6.0, -2.0, 0.5, 1.0, 3.0])
    squares = MeanSquares(1, int(freedom) + 1, np.zeros(5), np.full(5, freedom + 1), np.zeros(5))
    expected = stats.norm.isf(stats.t.sf(abs(t), freedom)) * np.sign(t)
    np.testing.assert_allclose(normal_scores(t, squares), expected, rtol=0.04)


def test_half_widths_undo_normal_scores():
    values = tables(13, methods=5)
    scores, means = observed_scores(values), values.mean(axis=(1, 2))
    for place, score in enumerate(scores):
        assert half_widths(abs(float(score)), values)[place] == pytest.approx(abs(means[place]))


def test_the_null_has_the_correlation_of_the_data():
    rng = generator(14)
    control = rng.standard_normal((1, 1, 60))
    differences = rng.standard_normal((2, 1, 60)) - control
    scores = CrossedNull(differences, 0, 20_000).scores(np.eye(2))
    assert np.corrcoef(scores.T)[0, 1] == pytest.approx(np.corrcoef(differences[:, 0])[0, 1], abs=0.03)
    assert scores.mean(axis=0) == pytest.approx([0, 0], abs=0.03)
    assert scores.std(axis=0) == pytest.approx([1, 1], abs=0.03)


def test_many_contrasts_are_what_each_alone_would_be():
    null = CrossedNull(tables(15, methods=5), 0, 300)
    contrasts = generator(1).standard_normal((40, 5))
    together = null.scores(contrasts)
    np.testing.assert_allclose(together[:, [0, 17, 39]], null.scores(contrasts[[0, 17, 39]]))


def test_adjusted_and_critical_are_two_sides_of_one_rule():
    largest = generator(2).standard_normal(999)
    for level in (0.5, 0.9, 0.95, 0.99):
        limit = critical(largest, level)
        assert adjusted(np.nextafter(limit, np.inf), largest) <= 1 - level + 1e-12 < adjusted(limit, largest)
