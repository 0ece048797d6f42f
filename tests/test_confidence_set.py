"""Who cannot be told apart from the best."""

import numpy as np
import pytest
from attrimark.statistics.confidence_set import confidence_set
from scipy import stats


def generator():
    return np.random.default_rng(0)


def methods(means, seed=0, seeds=6, texts=20):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((seeds, texts))
    return {name: shared + mean + 0.5 * rng.standard_normal((seeds, texts)) for name, mean in means.items()}


def test_the_clearly_worse_are_left_out_and_the_equal_ones_stay():
    p = confidence_set(methods({"a": 1.0, "worst": -1.0, "b": 1.02, "worse": 0.0}), generator())
    assert list(p) == ["a", "worst", "b", "worse"]
    assert p["worst"] <= p["worse"] < 0.05 < min(p["a"], p["b"])
    assert max(p["a"], p["b"]) == 1


def test_of_two_methods_the_worse_has_the_p_value_of_a_t_test():
    values = {name: np.repeat(each, 5, axis=0) for name, each in methods({"a": 0.2, "b": 0.0}, seeds=1).items()}
    p = confidence_set(values, generator(), draws=40_000)
    assert p["a"] == 1
    assert p["b"] == pytest.approx(stats.ttest_rel(values["a"][0], values["b"][0]).pvalue, abs=0.004)


def test_lower_is_better_is_the_mirror_image():
    values = methods({"a": 0.5, "b": 0.0, "c": 0.4})
    mirrored = {name: -each for name, each in values.items()}
    assert confidence_set(mirrored, generator(), higher_is_better=False) == confidence_set(values, generator())


def test_methods_that_agree_everywhere_stay_together():
    one = methods({"a": 0.0})["a"]
    worse = one - 2 + np.random.default_rng(1).random(one.shape)
    p = confidence_set({"a": one, "worse": worse, "b": one.copy()}, generator())
    assert (p["a"], p["b"]) == (1, 1)
    assert p["worse"] < 0.01
    assert set(confidence_set(dict.fromkeys("abc", one), generator()).values()) == {1.0}


@pytest.mark.parametrize(("texts", "out"), [(2, False), (20, True)])
def test_the_same_lead_everywhere_is_judged_by_the_sign_test(texts, out):
    one = methods({"a": 0.0}, texts=texts)["a"]
    p = confidence_set({"a": one + 0.5, "b": one}, generator())
    assert (p["b"] < 0.05) == out
    assert p["a"] == 1


def test_one_more_bad_method_leaves_the_set_as_it_is():
    values = methods({"a": 1.0, "b": 0.97, "c": 0.3}, seeds=10)
    more = values | methods({"bad": -5.0}, seed=1, seeds=10)
    before, after = confidence_set(values, generator()), confidence_set(more, generator())
    assert [after[name] >= 0.05 for name in values] == [before[name] >= 0.05 for name in values]
    assert after["bad"] < 0.05


def test_the_generator_decides_the_draws():
    values = methods({"a": 0.1, "b": 0.0, "c": 0.05})
    assert confidence_set(values, generator()) == confidence_set(values, generator())


def test_few_texts_or_methods_are_no_error():
    assert confidence_set({}, generator()) == {}
    assert confidence_set(methods({"a": 0.0}), generator()) == {"a": 1.0}
    assert np.isnan(list(confidence_set(methods({"a": 1.0, "b": 0.0}, texts=1), generator()).values())).all()
    values = methods({"a": 1.0, "b": 0.0}, seeds=2)
    whole = confidence_set({name: each[:, 1:] for name, each in values.items()}, generator())
    values["b"][0, 0] = np.inf
    assert confidence_set(values, generator()) == whole
