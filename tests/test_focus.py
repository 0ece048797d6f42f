"""How focused an attribution is: extremes, invariances and oracles; and how large a model is."""

from __future__ import annotations

import numpy as np
import pytest
from attrimark_plugins.metrics.effective_features import EffectiveFeatures
from attrimark_plugins.metrics.focus_entropy import FocusEntropy
from attrimark_plugins.metrics.focus_gini import FocusGini
from attrimark_plugins.metrics.focus_top_mass import FocusTopMass
from attrimark_plugins.metrics.parameters import Parameters
from attrimark_registry import Attribution, Example, Feature, Target, shares
from attrimark_registry.conformance import check_comparison_is_deterministic_and_changes_nothing
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from tests.references import networks

METRICS = (FocusEntropy(), FocusGini(), FocusTopMass(), EffectiveFeatures())

sizes = st.floats(1e-30, 1e30) | st.just(0.0)
scores = st.lists(sizes.flatmap(lambda size: st.sampled_from([size, -size])), min_size=2, max_size=40).map(np.array)


def measured(metric, values) -> float | None:
    values = np.asarray(values, dtype=np.float64)
    features = tuple(Feature("w", 0, 2 * place, 2 * place + 1) for place in range(len(values)))
    example = Example("one", ("w " * len(values),))
    return metric.compare(Attribution(example, features, values, Target((0,)), "yes"), example)


@given(count=st.integers(10, 60), place=st.integers(0, 59), size=st.floats(1e-300, 1e300))
def test_one_feature_with_everything_is_as_focused_as_can_be(count, place, size):
    values = np.zeros(count)
    values[place % count] = -size
    found = [measured(metric, values) for metric in METRICS]
    assert found == pytest.approx([0, (count - 1) / count, 1, 1], abs=1e-12)


@given(count=st.integers(2, 60), size=st.floats(1e-300, 1e300) | st.just(0.0))
def test_equal_scores_are_uniform_and_so_are_scores_of_zero(count, size):
    found = [measured(metric, np.full(count, size)) for metric in METRICS]
    assert found == pytest.approx([1, 0, 0.1, count], abs=1e-12)


@given(scores)
def test_every_value_lies_between_the_extremes(values):
    count = len(values)
    ends = [(0, 1), (0, (count - 1) / count), (0.1, 1), (1, count)]
    for metric, (low, high) in zip(METRICS, ends, strict=True):
        assert low - 1e-12 <= measured(metric, values) <= high * (1 + 1e-12)
        assert metric.bounds[0] <= measured(metric, values) <= metric.bounds[1]


@given(scores, st.integers(-20, 20), st.randoms())
def test_neither_signs_nor_size_nor_order_matter(values, power, random):
    other = 2.0**power * np.abs(values)
    random.shuffle(other)
    for metric in METRICS:
        assert measured(metric, other) == pytest.approx(measured(metric, values), rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=30).map(np.array))
def test_each_equals_its_definition_by_another_way(values):
    q = values / values.sum()
    count = len(q)
    assert measured(FocusEntropy(), values) == pytest.approx(entropy(q, base=count))
    apart = np.abs(q[:, None] - q).mean()
    assert measured(FocusGini(), values) == pytest.approx(apart / (2 * q.mean()), abs=1e-12)
    assert measured(EffectiveFeatures(), values) == pytest.approx(1 / (q**2).sum())


def test_the_last_of_the_top_features_counts_in_part():
    # 25 features: the top tenth are two and a half
    values = np.arange(1.0, 26)
    assert measured(FocusTopMass(), values) == pytest.approx((25 + 24 + 23 / 2) / values.sum())
    assert measured(FocusTopMass(ratio=0.5), [3, 1]) == pytest.approx(0.75)
    # five features: half of the largest
    assert measured(FocusTopMass(), [0, 0, 1, 0, 0]) == pytest.approx(0.5)


def test_one_word_alone_is_neither_focused_nor_spread():
    assert [measured(metric, [2.0]) for metric in METRICS] == [None, None, None, 1.0]


@given(scores)
def test_shares_are_of_all_that_is_attributed(values):
    q = shares(values)
    assert q.sum() == pytest.approx(1)
    assert (q >= 0).all()
    assert np.allclose(q * np.abs(values).sum(), np.abs(values)) or not values.any()


def test_shares_bear_the_largest_and_the_smallest_numbers_there_are():
    for size in (5e-324, 1e308):
        assert shares(np.array([size, -size, 0.0])).tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_the_same_explanation_gets_the_same_number(metric):
    check_comparison_is_deterministic_and_changes_nothing(metric)


def test_parameters_are_the_weights_of_the_network_tied_ones_once():
    for model in (networks.bert(), networks.writer()):
        distinct = {id(each): each.numel() for each in model.network.parameters()}
        assert Parameters().measure(model, ()) == sum(distinct.values())


def test_parameters_are_as_many_in_four_bits():
    from attrimark_plugins.quantizers.nf4 import Nf4

    model = networks.bert()
    assert Parameters().measure(Nf4().quantize(model), ()) == Parameters().measure(model, ())
