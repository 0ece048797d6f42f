"""Fine-tuning: what is learned, what is left alone, and what a seed decides."""

from __future__ import annotations

import copy
import logging

import numpy as np
import pytest
import torch
from attrimark_plugins.datasets.planted import Planted, swapped
from attrimark_plugins.metrics.reliance import Reliance
from attrimark_plugins.models.encoder_with_head import EncoderWithHead
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder, TinyWriter
from attrimark_plugins.quantizers.none import NoQuantization
from attrimark_plugins.strategies.frozen import Frozen, pooled_features
from attrimark_plugins.strategies.full import Full
from attrimark_plugins.strategies.none import NoTraining
from attrimark_plugins.strategies.training import labelled_rows, shuffled_batches
from attrimark_registry import AttrimarkError, Classifier, Example, Unsupported
from torch.testing import assert_close

# what makes a tiny encoder learn the planted task, all of it
RECIPE = Full(epochs=8, learning_rate=3e-3, batch_size=32)
TRAINERS = (Frozen(epochs=2, batch_size=8), Full(epochs=1, learning_rate=1e-3, batch_size=8))
SHAPES = ("bert", "roberta", "camembert", "distilbert")


@pytest.fixture(scope="module")
def splits():
    return Planted(train=24, validation=0, test=8).load()


@pytest.fixture
def model(splits):
    return TinyEncoder(layers=1, width=16, heads=2).load(splits.labels, "cpu")


def weights(model):
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("language", ["english", "french"])
def test_a_tiny_encoder_learns_that_the_cue_decides_and_the_distractor_does_not(language):
    splits = Planted(language=language).load()
    model = TinyEncoder(language=language).load(splits.labels, "cpu")
    (tuned,) = RECIPE.fine_tune(model, splits.train, [0])
    predicted = tuned.predict([tuned.encode(example) for example in splits.test])
    accuracy = np.mean([splits.labels[best] == each.label for best, each in zip(predicted, splits.test, strict=True)])
    assert accuracy > 0.95
    assert Reliance(swap="cue").measure(tuned, splits.test).mean() >= 0.99
    assert Reliance(swap="distractor").measure(tuned, splits.test).mean() < 0.01


def test_a_frozen_encoder_learns_what_its_features_tell(splits):
    easy = [
        Example(str(n), (word,), label)
        for n, (word, label) in enumerate([("dull", "negative"), ("witty", "positive")] * 8)
    ]
    model = TinyEncoder(pooling="mean").load(splits.labels, "cpu")
    (tuned,) = Frozen(epochs=30, batch_size=4).fine_tune(model, easy, [0])
    predicted = tuned.predict([tuned.encode(example) for example in easy])
    assert [splits.labels[best] for best in predicted] == [example.label for example in easy]


@pytest.mark.parametrize("strategy", TRAINERS, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_found(strategy, training, model, splits):
    model.network.train(training)
    model.network.head.dense.train(not training)
    next(model.network.parameters()).requires_grad_(False)
    before, state = weights(model), torch.random.get_rng_state()
    modes = [module.training for module in model.network.modules()]
    wanted = [parameter.requires_grad for parameter in model.network.parameters()]
    strategy.fine_tune(model, splits.train, [0, 1])
    assert same(weights(model), before)
    assert [module.training for module in model.network.modules()] == modes
    assert [parameter.requires_grad for parameter in model.network.parameters()] == wanted
    assert all(parameter.grad is None for parameter in model.network.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("strategy", TRAINERS, ids=str)
def test_seeds_are_reproducible_independent_and_different(strategy, model, splits):
    one, two, three = (weights(tuned) for tuned in strategy.fine_tune(model, splits.train, [1, 2, 3]))
    torch.manual_seed(12345)  # whatever the global generator holds
    (alone,) = strategy.fine_tune(model, splits.train, [2])
    assert same(weights(alone), two)
    assert not same(one, two)
    assert not same(two, three)


@pytest.mark.parametrize("strategy", TRAINERS, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_can_be_tuned(strategy, shape, splits):
    model = TinyEncoder(shape=shape, layers=1, width=16, heads=2).load(splits.labels, "cpu")
    (tuned,) = strategy.fine_tune(model, splits.train, [0])
    assert isinstance(tuned, Classifier)
    assert tuned.pretrained is model
    assert tuned.labels == model.labels
    assert not any(module.training for module in tuned.network.modules())
    row = tuned.encode(splits.test[0])
    assert not torch.equal(tuned.outputs(tuned.collate([row])), model.outputs(model.collate([row])))


def test_frozen_models_share_the_encoder_and_nothing_else(model, splits):
    one, two = Frozen(epochs=1).fine_tune(model, splits.train, [0, 1])
    for tuned in (one, two):
        theirs = dict(tuned.network.encoder.named_parameters())
        assert all(theirs[name] is mine for name, mine in model.network.encoder.named_parameters())
        assert tuned.network.encoder is not model.network.encoder
    heads = [{id(each) for each in tuned.network.head.parameters()} for tuned in (one, two, model)]
    assert not heads[0] & heads[1]
    assert not (heads[0] | heads[1]) & heads[2]


def test_full_models_share_no_weight(model, splits):
    (tuned,) = TRAINERS[1].fine_tune(model, splits.train, [0])
    assert not {id(each) for each in tuned.network.parameters()} & {id(each) for each in model.network.parameters()}
    trained = [name for name, value in weights(tuned).items() if not torch.equal(value, weights(model)[name])]
    assert any(name.startswith("encoder.embeddings") for name in trained)


def test_cached_features_are_those_of_each_text_alone(model, splits):
    rows, _ = labelled_rows(model, splits.train)
    features = pooled_features(model, model.network, rows, rows_a_batch=5)
    for row, feature in zip(rows, features, strict=True):
        batch = model.collate([row])
        alone = model.network.pool(batch.input_ids, None, batch.attention_mask, batch.position_ids)[0]
        assert_close(feature, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("strategy", TRAINERS, ids=str)
def test_a_transformers_classifier_gets_a_head_of_ours(strategy, model, splits):
    import transformers

    config = copy.deepcopy(model.network.config)
    network = transformers.BertForSequenceClassification(config)
    theirs = Classifier(network.eval(), model.tokenizer, model.labels)
    before, state = weights(theirs), torch.random.get_rng_state()
    (tuned,) = strategy.fine_tune(theirs, splits.train, [0])
    assert isinstance(tuned.network, EncoderWithHead)
    assert same(weights(theirs), before)
    assert torch.equal(torch.random.get_rng_state(), state)
    (again,) = strategy.fine_tune(theirs, splits.train, [0])
    assert same(weights(tuned), weights(again))


@pytest.mark.parametrize("strategy", TRAINERS, ids=str)
@pytest.mark.parametrize("source", [TinyCausal(), TinyWriter()], ids=str)
def test_a_causal_model_is_refused_with_a_remedy(strategy, source, splits):
    with pytest.raises(Unsupported, match="encoder"):
        strategy.fine_tune(source.load(splits.labels, "cpu"), splits.train, [0])


@pytest.mark.parametrize("strategy", TRAINERS, ids=str)
def test_what_cannot_be_trained_on_is_left_out_with_a_warning(strategy, model, splits, caplog):
    odd = [
        Example("no label", ("a moving film",)),
        Example("unknown label", ("a moving film",), "neutral"),
        Example("too long", ("film " * 500,), "positive"),
        Example("empty", ("",), "positive"),
    ]
    with caplog.at_level(logging.WARNING, logger="attrimark.training"):
        (tuned,) = strategy.fine_tune(model, [*odd, *splits.train], [0])
    assert "4 of 28 training examples left out" in caplog.text
    (clean,) = strategy.fine_tune(model, splits.train, [0])
    assert same(weights(tuned), weights(clean))
    with pytest.raises(AttrimarkError, match="no example to train on"):
        strategy.fine_tune(model, odd, [0])


@pytest.mark.parametrize("lengths", [[3] * 10, list(range(1, 1000)), [5]])
def test_batches_hold_every_row_once(lengths):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        batches = shuffled_batches(lengths, 8)
        assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
        assert max(map(len, batches)) <= 8
        assert len(batches) == -(-len(lengths) // 8)
        assert len(lengths) == 1 or batches != shuffled_batches(lengths, 8)


def test_the_learning_rate_rises_for_a_tenth_and_falls_to_nothing():
    rates = [Full()._rate(step, 100) for step in range(101)]
    assert max(rates) == rates[10] == 1.0
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[0] > 0 == rates[100]
    assert [Full(warm_up=0.0)._rate(step, 2) for step in range(3)] == [1.0, 0.5, 0.0]


def test_no_training_and_no_quantization_give_the_model_itself(model, splits):
    assert NoTraining().fine_tune(model, splits.train, [0, 1]) == [model, model]
    assert not NoTraining.seeded
    assert NoQuantization().quantize(model) is model


def test_reliance_is_one_where_the_prediction_flips_and_nan_without_a_planted_word(model, splits):
    examples = [*splits.test, Example("plain", ("a film about a garden",), "positive")]
    flips = Reliance(swap="cue").measure(model, examples)
    assert np.isnan(flips).tolist() == [False] * len(splits.test) + [True]
    for example, flip in zip(splits.test, flips, strict=False):
        before, after = model.predict([model.encode(example), model.encode(swapped(example, "cue"))])
        assert flip == (before != after)
    assert np.isnan(Reliance().measure(model, examples[-1:])).all()


def test_reliance_needs_labels(splits):
    with pytest.raises(Unsupported, match="label"):
        Reliance().measure(TinyWriter().load((), "cpu"), splits.test)
