"""No method is treated as the best before it is known which one is."""

import numpy as np
import pytest
from attrimark.statistics.against_best import against_best
from attrimark.statistics.intervals import NO_INTERVAL, NO_SPREAD, TEXTS_ONLY
from attrimark.statistics.pairs import Pairs, all_pairs
from scipy import stats


def methods(means, seed=0, seeds=6, texts=20):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((seeds, texts))
    return {name: shared + mean + 0.5 * rng.standard_normal((seeds, texts)) for name, mean in means.items()}


def found_of(values, higher_is_better=True, **options):
    return against_best(all_pairs(values, higher_is_better), **options)


def possible(found):
    return {name: each.may_be_best for name, each in found.items()}


def ends(found):
    return found.lead.low, found.lead.high


def test_the_clear_best_is_separated_from_all_others():
    found = found_of(methods({"a": 2.0, "b": 0.0, "c": 1.0}))
    assert possible(found) == {"a": True, "b": False, "c": False}
    assert found["a"].lead.low == 0 < found["a"].lead.mean < found["a"].lead.high
    assert found["b"].lead.low < found["b"].lead.mean < 0 == found["b"].lead.high
    assert found["a"].lead.mean == pytest.approx(-found["c"].lead.mean)


def test_two_that_are_alike_may_both_be_the_best():
    found = found_of(methods({"a": 1.0, "b": 1.01, "c": -1.0}))
    assert possible(found) == {"a": True, "b": True, "c": False}
    for name in "ab":
        low, high = ends(found[name])
        assert low < 0 < high


@pytest.mark.parametrize("seeds", [3, 5, 12])
def test_zero_is_inside_or_at_the_end_as_the_verdict_says(seeds):
    for seed in range(8):
        values = methods({"a": 0.0, "b": 0.1, "c": 0.2, "d": 0.3, "e": 0.6}, seed, seeds)
        found = found_of(values, draws=1000)
        for name, each in found.items():
            low, high = ends(each)
            assert low <= 0 <= high
            assert (high == 0) == (not each.may_be_best) == (each.p <= 0.05)
            assert (low == 0) == (each.may_be_best and sum(possible(found).values()) == 1), name


def test_of_two_methods_each_bound_is_that_of_a_one_sided_t_test():
    values = methods({"a": 0.3, "b": 0.0}, seeds=1, texts=16)
    found = found_of({name: np.repeat(each, 5, axis=0) for name, each in values.items()}, draws=40_000)
    difference = (values["a"] - values["b"])[0]
    low, high = stats.t.interval(0.9, 15, loc=difference.mean(), scale=stats.sem(difference))
    assert ends(found["a"]) == pytest.approx((min(0, low), high), abs=0.02)
    assert ends(found["b"]) == pytest.approx((-high, max(0, -low)), abs=0.02)
    assert found["a"].p == 1.0  # it is ahead
    assert found["b"].p == pytest.approx(stats.ttest_1samp(difference, 0).pvalue / 2, abs=0.005)


def test_lower_is_better_is_the_mirror_image():
    values = methods({"a": 2.0, "b": 0.0, "c": 1.8})
    plain = found_of(values)
    assert found_of({name: -each for name, each in values.items()}, higher_is_better=False) == plain


@pytest.mark.parametrize("texts", [8, 20, 60])
def test_one_more_bad_method_changes_nothing_of_the_others(texts):
    values = methods({"a": 1.0, "b": 0.95, "c": 0.6, "d": 0.0}, seeds=10, texts=texts)
    before = found_of(values)
    after = found_of(values | methods({"bad": -5.0}, seed=1, seeds=10, texts=texts))
    assert {name: after[name] for name in values} == before


def test_behind_on_average_is_not_behind_where_something_common_says_otherwise():
    values = methods({"a": 2.0, "b": 0.0})
    pairs = all_pairs(values)
    mixed = Pairs(pairs.names, pairs.leads, pairs.comparable, np.zeros((2, 2), dtype=bool), pairs.parts, pairs.weights)
    assert possible(against_best(mixed)) == {"a": True, "b": True}


def test_methods_that_have_nothing_in_common_are_not_compared():
    pairs = all_pairs(methods({"a": 2.0, "b": 0.0, "c": 1.0}))
    apart = pairs.comparable.copy()
    apart[0, 1] = apart[1, 0] = False
    found = against_best(Pairs(pairs.names, pairs.leads, apart, pairs.ahead, pairs.parts, pairs.weights))
    assert possible(found) == {"a": True, "b": False, "c": False}
    assert found["a"].lead.mean == pytest.approx(-found["c"].lead.mean)
    assert found["b"].lead.mean == pytest.approx(pairs.leads[1, 2].mean())
    alone = against_best(Pairs(pairs.names, pairs.leads, np.zeros_like(apart), pairs.ahead, pairs.parts, pairs.weights))
    assert possible(alone) == dict.fromkeys("abc")


def test_methods_that_agree_everywhere_are_tied():
    one = methods({"a": 0.0}, texts=4)["a"]
    found = found_of({"a": one, "b": one.copy(), "c": one - np.random.default_rng(1).random(one.shape) - 3})
    assert possible(found) == {"a": True, "b": True, "c": False}
    assert [found[name].lead.mean for name in "ab"] == [0, 0]
    assert possible(found_of({"a": one, "b": one})) == {"a": True, "b": True}


@pytest.mark.parametrize(("texts", "behind"), [(2, True), (20, False)])
def test_the_same_lead_everywhere_is_judged_by_the_sign_test(texts, behind):
    one = methods({"a": 0.0}, texts=texts)["a"]
    found = found_of({"a": one + 0.5, "b": one})
    assert possible(found) == {"a": True, "b": behind}
    if texts == 2:
        assert {each.lead.method for each in found.values()} == {NO_SPREAD}
        assert all(np.isnan(ends(each)).all() for each in found.values())


def test_where_nothing_can_be_compared_nothing_is_said():
    (alone,) = found_of(methods({"a": 1.0})).values()
    assert (alone.may_be_best, alone.lead.method) == (None, NO_INTERVAL)
    assert np.isnan([alone.lead.mean, alone.p]).all()
    found = found_of(methods({"a": 1.0, "b": 0.0}, texts=1))
    assert possible(found) == {"a": None, "b": None}
    assert found["a"].lead.mean == -found["b"].lead.mean


def test_few_seeds_speak_for_texts_and_incomplete_texts_are_left_out():
    values = methods({"a": 1.0, "b": 0.0}, seeds=3)
    whole = found_of({name: each[:, 1:] for name, each in values.items()})
    values["a"][1, 0] = np.nan
    assert found_of(values) == whole
    assert {each.lead.method for each in whole.values()} == {TEXTS_ONLY}
