"""Metrics of a population of seeds, ratios between chains, and predictions about them."""

from __future__ import annotations

import numpy as np
import pytest
from attrimark.statistics.intervals import Estimate
from attrimark.studies.stability.population import Population, Stack
from attrimark.studies.stability.prediction import Prediction
from attrimark.studies.stability.variation import by_text, over_texts, ratio
from attrimark.suite.matrix import Variant
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.metrics.noise import Noise
from attrimark_plugins.metrics.signal_to_noise import SignalToNoise
from attrimark_plugins.models.tiny import TinyEncoder
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_plugins.strategies.frozen import Frozen
from attrimark_plugins.strategies.full import Full
from attrimark_registry import Example, Feature
from pydantic import ValidationError

RAW = Noise(scale="raw")
FULL = (Full(),)


def population(scores, chain=FULL, seeds=None):
    """Scores [texts, seeds, words] as a population."""
    variant = Variant(Planted(), TinyEncoder(), chain, 0, "word", "gold", len(scores), None)
    words = scores.shape[2]
    text = " ".join(["word"] * words)
    features = tuple(Feature("word", 0, 5 * place, 5 * place + 4) for place in range(words))
    stacks = tuple(
        Stack(Example(f"text-{number}", (text,)), features, "positive", each[:, None, :])
        for number, each in enumerate(scores)
    )
    return Population(variant, LeaveOneOut(), tuple(seeds or range(scores.shape[1])), stacks, {})


def drawn(seed, texts=12, seeds=15, words=10, noise=1.0):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(texts, 1, words))
    return signal + noise * rng.normal(size=(texts, seeds, words))


def test_each_text_has_its_own_value_and_their_average_is_between_them():
    found = population(drawn(0))
    each, all = by_text(found, RAW), over_texts(found, RAW)
    assert all.mean == pytest.approx(np.mean([value.mean for value in each.values()]))
    assert all.low < all.mean < all.high
    assert (all.seeds, all.texts) == (15, 12)
    for text, stack in zip(each.values(), found.stacks, strict=True):
        assert text.mean == pytest.approx(stack.scores[:, 0].var(axis=0).mean())


def test_a_ratio_over_texts_is_a_ratio_of_means():
    found = population(drawn(1))
    signal = np.mean([stack.scores[:, 0].mean(axis=0).var() for stack in found.stacks])
    noise = np.mean([stack.scores[:, 0].var(axis=0).mean() for stack in found.stacks])
    assert over_texts(found, SignalToNoise(scale="raw")).mean == pytest.approx(signal / noise)


def test_replicates_are_averaged_before_seeds_are_compared():
    scores = drawn(2)
    found = population(scores)
    spread = np.random.default_rng(3).normal(size=scores.shape)
    stacks = tuple(
        Stack(stack.example, stack.features, "positive", np.stack([each + around, each - around], axis=1))
        for stack, each, around in zip(found.stacks, scores, spread, strict=True)
    )
    twice = Population(found.variant, found.method, found.seeds, stacks, {})
    assert over_texts(twice, RAW).mean == pytest.approx(over_texts(found, RAW).mean)


def test_a_population_is_as_noisy_as_itself():
    found = population(drawn(4))
    told = ratio(found, population(drawn(4), chain=(Full(), Nf4())), RAW)
    assert (told.mean, told.low, told.high) == pytest.approx((1.0, 1.0, 1.0))


def test_twice_the_spread_is_four_times_the_noise():
    scores = drawn(5)
    centre = scores.mean(axis=1, keepdims=True)
    told = ratio(population(centre + 2 * (scores - centre), chain=(Full(), Nf4())), population(scores), RAW)
    assert (told.mean, told.low, told.high) == pytest.approx((4.0, 4.0, 4.0))


def test_seeds_of_different_strategies_are_drawn_apart():
    told = ratio(population(drawn(6), chain=(Frozen(),)), population(drawn(6)), RAW)
    assert told.mean == pytest.approx(1.0)
    assert told.low < 0.95 < 1.05 < told.high


def test_the_interval_of_a_ratio_holds_the_truth():
    inside = 0
    for seed in range(60):
        quiet, loud = drawn(100 + seed, seeds=12), drawn(500 + seed, seeds=12, noise=1.5)
        told = ratio(population(loud, chain=(Frozen(),)), population(quiet), Noise(scale="raw"))
        inside += told.low <= 2.25 <= told.high
    assert inside >= 50


def test_only_texts_of_both_are_compared():
    scores = drawn(7)
    told = ratio(population(scores, chain=(Frozen(),)), population(scores[:6]), RAW)
    assert told.texts == 6
    other = population(scores)
    none = Population(other.variant, other.method, other.seeds, (), {})
    assert np.isnan(ratio(none, other, RAW).mean)


def test_fewer_than_five_seeds_have_no_interval():
    told = ratio(population(drawn(8, seeds=4), chain=(Frozen(),)), population(drawn(9, seeds=4)), RAW)
    assert np.isfinite(told.mean)
    assert np.isnan(told.low)


def interval(low, high):
    return Estimate((low + high) / 2, low, high, 0.95, 10, 10, "seeds and texts")


@pytest.mark.parametrize(
    ("expect", "low", "high", "verdict"),
    [
        ("lower", 0.3, 0.9, "holds"),
        ("lower", 1.1, 1.9, "does not hold"),
        ("lower", 0.8, 1.2, "cannot be told"),
        ("higher", 1.1, 1.9, "holds"),
        ("higher", 0.3, 0.9, "does not hold"),
        ("same", 0.9, 1.1, "holds"),
        ("same", 0.9, 1.3, "cannot be told"),
        ("same", 1.3, 1.9, "does not hold"),
        ("same", 0.2, 0.7, "does not hold"),
        ("not lower", 0.9, 5.0, "holds"),
        ("not lower", 0.3, 0.7, "does not hold"),
        ("not lower", 0.7, 5.0, "cannot be told"),
        ("not higher", 0.1, 1.1, "holds"),
        ("not higher", 1.3, 2.0, "does not hold"),
        ("same", np.nan, np.nan, "cannot be told"),
    ],
)
def test_a_prediction_is_judged_by_the_whole_interval(expect, low, high, verdict):
    prediction = Prediction(says="so", metric="noise", chain="frozen", than="full", expect=expect)
    assert prediction.verdict(interval(low, high)) == verdict


def test_a_margin_must_leave_room_for_sameness():
    with pytest.raises(ValidationError, match="greater than 1"):
        Prediction(says="so", metric="noise", chain="frozen", than="full", expect="same", margin=1.0)
