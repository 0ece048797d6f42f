"""Nobody is treated as the best before it is known which one is."""

import numpy as np
import pytest
from attrimark.statistics.against_best import against_best
from attrimark.statistics.intervals import NO_INTERVAL, NO_SPREAD, TEXTS_ONLY
from scipy import stats


def generator():
    return np.random.default_rng(0)


def methods(means, seed=0, seeds=6, texts=20):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((seeds, texts))
    return {name: shared + mean + 0.5 * rng.standard_normal((seeds, texts)) for name, mean in means.items()}


def ends(compared):
    return compared.difference.low, compared.difference.high


def test_the_clear_best_is_told_from_all_others():
    found = against_best(methods({"a": 2.0, "b": 0.0, "c": 1.0}), generator())
    assert {name: each.direction for name, each in found.items()} == {"a": "above", "b": "below", "c": "below"}
    assert found["a"].difference.low == 0 < found["a"].difference.mean < found["a"].difference.high
    assert found["b"].difference.low < found["b"].difference.mean < 0 == found["b"].difference.high
    assert found["a"].difference.mean == pytest.approx(-found["c"].difference.mean)


def test_two_that_are_alike_may_both_be_the_best():
    found = against_best(methods({"a": 1.0, "b": 1.01, "c": -1.0}), generator())
    assert [found[name].direction for name in "abc"] == ["tie", "tie", "below"]
    for name in "ab":
        low, high = ends(found[name])
        assert low < 0 < high


@pytest.mark.parametrize("seeds", [3, 5, 12])
def test_zero_is_inside_or_at_the_end_as_the_direction_says(seeds):
    for seed in range(8):
        values = methods({"a": 0.0, "b": 0.1, "c": 0.2, "d": 0.3, "e": 0.6}, seed, seeds)
        for each in against_best(values, generator(), draws=1000).values():
            low, high = ends(each)
            assert low <= 0 <= high
            assert (high == 0) == (each.direction == "below") == (each.p <= 0.05 and each.difference.mean < 0)
            assert (low == 0) == (each.direction == "above")


def test_of_two_methods_each_bound_is_that_of_a_one_sided_t_test():
    values = methods({"a": 0.3, "b": 0.0}, seeds=1, texts=16)
    found = against_best({name: np.repeat(each, 5, axis=0) for name, each in values.items()}, generator(), draws=40_000)
    difference = (values["a"] - values["b"])[0]
    low, high = stats.t.interval(0.9, 15, loc=difference.mean(), scale=stats.sem(difference))
    assert ends(found["a"]) == pytest.approx((min(0, low), high), abs=0.02)
    assert ends(found["b"]) == pytest.approx((-high, max(0, -low)), abs=0.02)
    assert found["a"].p == found["b"].p == pytest.approx(stats.ttest_1samp(difference, 0).pvalue / 2, abs=0.005)


def test_lower_is_better_is_the_mirror_image():
    values = methods({"a": 2.0, "b": 0.0, "c": 1.8})
    plain = against_best(values, generator())
    mirrored = against_best({name: -each for name, each in values.items()}, generator(), higher_is_better=False)
    for name, each in plain.items():
        assert mirrored[name].p == each.p
        assert ends(mirrored[name]) == (-each.difference.high, -each.difference.low)
        assert mirrored[name].difference.mean == -each.difference.mean
        assert mirrored[name].direction == {"above": "below", "below": "above", "tie": "tie"}[each.direction]


def test_one_more_bad_method_changes_no_verdict():
    values = methods({"a": 1.0, "b": 0.95, "c": 0.6, "d": 0.0}, seeds=10)
    before = against_best(values, generator())
    after = against_best(values | methods({"bad": -5.0}, seed=1, seeds=10), generator())
    assert {name: after[name].direction for name in values} == {name: each.direction for name, each in before.items()}


def test_methods_that_agree_everywhere_are_tied():
    one = methods({"a": 0.0}, texts=4)["a"]
    found = against_best(
        {"a": one, "b": one.copy(), "c": one - np.random.default_rng(1).random(one.shape) - 3}, generator()
    )
    assert [found[name].direction for name in "abc"] == ["tie", "tie", "below"]
    assert [found[name].difference.mean for name in "ab"] == [0, 0]
    assert all(each.direction == "tie" for each in against_best({"a": one, "b": one}, generator()).values())


@pytest.mark.parametrize(("texts", "directions"), [(2, ["–", "–"]), (20, ["above", "below"])])
def test_the_same_lead_everywhere_is_judged_by_the_sign_test(texts, directions):
    one = methods({"a": 0.0}, texts=texts)["a"]
    found = against_best({"a": one + 0.5, "b": one}, generator())
    assert [each.direction for each in found.values()] == directions
    if texts == 2:
        assert {each.difference.method for each in found.values()} == {NO_SPREAD}
        assert all(np.isnan(ends(each)).all() for each in found.values())


def test_where_nothing_can_be_compared_nothing_is_said():
    (alone,) = against_best(methods({"a": 1.0}), generator()).values()
    assert (alone.direction, alone.difference.method) == ("–", NO_INTERVAL)
    assert np.isnan([alone.difference.mean, alone.p]).all()
    found = against_best(methods({"a": 1.0, "b": 0.0}, texts=1), generator())
    assert {each.direction for each in found.values()} == {"–"}
    assert found["a"].difference.mean == -found["b"].difference.mean
    assert against_best({}, generator()) == {}


def test_few_seeds_speak_for_texts_and_incomplete_texts_are_left_out():
    values = methods({"a": 1.0, "b": 0.0}, seeds=3)
    whole = against_best({name: each[:, 1:] for name, each in values.items()}, generator())
    values["a"][1, 0] = np.nan
    assert against_best(values, generator()) == whole
    assert {each.difference.method for each in whole.values()} == {TEXTS_ONLY}
