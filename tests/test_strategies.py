"""Fine-tuning: what is learned, what is left alone, and what a seed decides."""

from __future__ import annotations

import copy
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from attrimark_plugins.datasets.planted import Planted, swapped
from attrimark_plugins.metrics.reliance import Reliance
from attrimark_plugins.models.shared.encoder_with_head import EncoderWithHead, Head
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder, TinyWriter
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_plugins.quantizers.none import NoQuantization
from attrimark_plugins.strategies.frozen import Frozen, pooled_features
from attrimark_plugins.strategies.full import Full
from attrimark_plugins.strategies.lora import Lora
from attrimark_plugins.strategies.none import NoTraining
from attrimark_plugins.strategies.qlora import QLora
from attrimark_plugins.strategies.shared import heads
from attrimark_plugins.strategies.shared.heads import epoch, initial_weights, train_heads
from attrimark_plugins.strategies.shared.training import autocast, gold_rows, loss, rate, shuffled_batches
from attrimark_registry import AttrimarkError, Classifier, Example, Unsupported
from torch.testing import assert_close

# what makes a tiny encoder learn the planted task, all of it
RECIPE = Full(epochs=8, learning_rate=3e-3, batch_size=32)
BRIEF = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 8}
ADAPTED = {**BRIEF, "rank": 2, "alpha": 4}
TRAINERS = (Frozen(epochs=2, batch_size=8), Full(**BRIEF), Lora(**ADAPTED), QLora(**ADAPTED))
DESCENTS = TRAINERS[1:]
SHAPES = ("bert", "roberta", "camembert", "distilbert")


@pytest.fixture(scope="module")
def splits():
    return Planted(train=24, validation=0, test=8).load()


# Outputs of two trainings of one network: where a weight has no gradient but what rounding leaves, steps differ.
SAME_TRAINING = 1e-3


@pytest.fixture
def model(splits):
    return TinyEncoder(layers=1, width=16, heads=2).load(splits.labels, "cpu")


def weights(model):
    return {name: value.clone() for name, value in model.network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def answers(model, examples):
    with torch.no_grad(), model.active():
        return model.outputs(model.collate([model.encode(example) for example in examples]))


@pytest.mark.long
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
    one, two, three = strategy.fine_tune(model, splits.train, [1, 2, 3])
    torch.manual_seed(12345)  # whatever the global generator holds
    (alone,) = strategy.fine_tune(model, splits.train, [2])
    assert weights(alone).keys() == weights(two).keys()
    assert_close(answers(alone, splits.test), answers(two, splits.test), atol=SAME_TRAINING, rtol=0)
    for other in (one, three):
        assert (answers(other, splits.test) - answers(two, splits.test)).abs().max() > 10 * SAME_TRAINING


@pytest.mark.parametrize("strategy", TRAINERS, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_can_be_tuned(strategy, shape, splits):
    model = TinyEncoder(shape=shape, layers=1, width=16, heads=2).load(splits.labels, "cpu")
    (tuned,) = strategy.fine_tune(model, splits.train, [0])
    assert isinstance(tuned, Classifier)
    assert tuned.pretrained is model or isinstance(strategy, QLora)
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


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("batch_size", [5, 32])
def test_heads_trained_together_are_those_of_a_plain_loop(dropout, batch_size, monkeypatch):
    monkeypatch.setattr(heads, "CACHED", 2 * 16 * 12**2)  # two seeds at once, and the third alone
    monkeypatch.setattr(heads, "LANES", 2 * 12 * batch_size * 2)  # two batches a draw
    draws = torch.Generator().manual_seed(0)
    features, gold = torch.randn(23, 12, generator=draws), torch.randint(3, (23,), generator=draws)
    options = {"epochs": 3, "batch_size": batch_size, "learning_rate": 1e-2, "weight_decay": 0.1, "dropout": dropout}
    for seed, head in zip([5, 6, 7], train_heads(features, gold, 3, [5, 6, 7], **options), strict=True):
        slow = plain_head(features, gold, 3, seed, **options)
        for name, value in slow.state_dict().items():
            assert_close(head.state_dict()[name], value, atol=1e-5, rtol=0)


def plain_head(features, gold, labels, seed, *, epochs, batch_size, learning_rate, weight_decay, dropout):
    """One head trained as modules and loops have it, with the draws of its seed."""
    width = features.shape[1]
    draws = [torch.Generator().manual_seed(seed)]
    head = Head(width, labels, dropout)
    for parameter, value in zip(head.parameters(), initial_weights(width, labels, draws), strict=True):
        parameter.data = value.detach()[0].t().contiguous()
    groups = [
        {"params": [head.dense.weight, head.out_proj.weight], "weight_decay": weight_decay},
        {"params": [head.dense.bias, head.out_proj.bias], "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(groups, lr=learning_rate, foreach=False)
    for _ in range(epochs):
        for (batch,), dropped in epoch(len(features), width, batch_size, dropout, draws):
            first, second = (
                (1.0, 1.0) if dropped is None else (~dropped[0].unbind(1)[i] / (1 - dropout) for i in (0, 1))
            )
            logits = head.out_proj(torch.tanh(head.dense(features[batch] * first)) * second)
            adamw.zero_grad()
            torch.nn.functional.cross_entropy(logits, gold[batch]).backward()
            adamw.step()
    return head


def test_an_epoch_reads_every_text_once_and_drops_what_it_should():
    draws = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    batches = list(epoch(1000, 16, 32, 0.1, draws))
    order = torch.cat([batch for batch, _ in batches], dim=1)
    assert order.sort().values.tolist() == [list(range(1000))] * 2
    assert not torch.equal(order[0], order[1])
    dropped = torch.cat([mask for _, mask in batches if mask is not None], dim=1)
    assert dropped.shape == (2, 1000, 2, 16)
    share = dropped.float().mean((1, 3))
    assert_close(share, torch.full((2, 2), 0.1), atol=0.01, rtol=0)  # four standard errors
    assert not torch.equal(dropped[:, :, 0], dropped[:, :, 1])


def test_heads_begin_within_the_bounds_of_linear_layers():
    first, *_ = drawn = initial_weights(25, 2, [torch.Generator().manual_seed(seed) for seed in range(4)])
    assert [tuple(each.shape) for each in drawn] == [(4, 25, 25), (4, 25), (4, 25, 2), (4, 2)]
    assert max(each.detach().abs().max() for each in drawn) <= 0.2
    assert_close(first.detach().std(), torch.tensor(0.2 / 3**0.5), atol=0.005, rtol=0)


@pytest.mark.parametrize(
    ("strategy", "quantized"),
    [*((strategy, False) for strategy in TRAINERS), (TRAINERS[0], True), (TRAINERS[2], True)],
    ids=str,
)
def test_a_blank_and_the_weights_that_differ_make_the_tuned_model(strategy, quantized, model, splits):
    if quantized:
        model = Nf4().quantize(model)
    (tuned,) = strategy.fine_tune(model, splits.train, [3])
    state = torch.random.get_rng_state()
    blank = strategy.blank(model)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (blank.tuned, blank.packed, blank.labels) == (tuned.tuned, tuned.packed, tuned.labels)
    empty, trained = weights(blank), weights(tuned)
    assert empty.keys() == trained.keys()
    kept = {name: value for name, value in trained.items() if not torch.equal(value, empty[name])}
    assert kept.keys() <= tuned.tuned
    assert all(value.is_floating_point() for value in kept.values())
    before = weights(model)
    blank.network.load_state_dict(kept, strict=False)
    assert same(weights(model), before)
    assert same(weights(blank), trained)
    assert_close(answers(blank, splits.test), answers(tuned, splits.test))
    assert not torch.equal(answers(blank, splits.test), answers(strategy.blank(model), splits.test))


@pytest.mark.parametrize("strategy", TRAINERS, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_said_to_be_tuned_is_what_moved(strategy, shape, splits):
    model = TinyEncoder(shape=shape, layers=1, width=16, heads=2).load(splits.labels, "cpu")
    (tuned,) = strategy.fine_tune(model, splits.train, [0])
    begun = weights(strategy.blank(model))
    moved = {name for name, value in weights(tuned).items() if not torch.equal(value, begun[name])}
    assert moved == tuned.tuned
    assert moved <= dict(tuned.network.named_parameters()).keys()


def test_full_trains_the_words_of_answers_and_references(splits):
    prompted = TinyCausal(layers=1, width=16, heads=2).load(splits.labels, "cpu")
    writer = TinyWriter(layers=1, width=16, heads=2).load((), "cpu")
    told = [replace(each, reference=f" {each.label}") for each in splits.train]
    for model in (prompted, writer):
        rows = gold_rows(model, told)
        (tuned,) = Full(epochs=6, learning_rate=1e-2, batch_size=8).fine_tune(model, told, [0])
        assert type(tuned) is type(model)
        assert tuned.pretrained is model
        with torch.no_grad():
            before, after = (
                float(loss(each, each.collate(rows), each.outputs(each.collate(rows)))) for each in (model, tuned)
            )
        assert after < 0.75 * before


def test_the_loss_of_a_writer_is_the_mean_over_the_tokens_of_all_references(splits):
    writer = TinyWriter(layers=1, width=16, heads=2).load((), "cpu")
    told = [replace(splits.train[0], reference=" good"), replace(splits.train[1], reference=" a very good film")]
    rows = gold_rows(writer, told)
    alone = [writer.outputs(writer.collate([row]))[0] for row in rows]
    assert len(alone[0]) != len(alone[1])
    batch = writer.collate(rows)
    assert_close(loss(writer, batch, writer.outputs(batch)), -torch.cat(alone).mean(), atol=1e-5, rtol=1e-5)


def test_a_reference_that_does_not_fit_is_left_out(splits, caplog):
    writer = TinyWriter(layers=1, width=16, heads=2).load((), "cpu")
    told = [replace(splits.train[0], reference=" good"), replace(splits.train[1], reference=" good" * 300)]
    with caplog.at_level(logging.WARNING, logger="attrimark.training"):
        assert len(gold_rows(writer, told)) == 1
    assert "with its continuation" in caplog.text


def test_bfloat16_rounds_products_and_neither_weights_nor_outputs(model, splits):
    (exact,) = DESCENTS[0].fine_tune(model, splits.train, [0])
    (rounded,) = Full(**BRIEF, precision="bfloat16").fine_tune(model, splits.train, [0])
    assert {each.dtype for each in rounded.network.parameters()} == {torch.float32}
    assert not same(weights(exact), weights(rounded))
    assert_close(answers(rounded, splits.test), answers(exact, splits.test), atol=0.1, rtol=0)
    with autocast(torch.device("cpu"), "bfloat16"):
        assert model.outputs(model.collate(gold_rows(model, splits.train))).dtype == torch.float32
    with autocast(torch.device("cpu"), "auto"):
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("backend", ["bitsandbytes", "fake"])
def test_full_refuses_quantized_weights(backend, model, splits):
    quantized = Nf4(backend=backend).quantize(model)
    for ask in (lambda: Full().fine_tune(quantized, splits.train, [0]), lambda: Full().blank(quantized)):
        with pytest.raises(Unsupported, match="fine-tune first, then quantize"):
            ask()


def test_full_models_share_no_weight(model, splits):
    (tuned,) = DESCENTS[0].fine_tune(model, splits.train, [0])
    assert not {id(each) for each in tuned.network.parameters()} & {id(each) for each in model.network.parameters()}
    trained = [name for name, value in weights(tuned).items() if not torch.equal(value, weights(model)[name])]
    assert any(name.startswith("encoder.embeddings") for name in trained)


def test_cached_features_are_those_of_each_text_alone(model, splits):
    rows = gold_rows(model, splits.train)
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
    pooler = network.bert.pooler
    before, state = weights(theirs), torch.random.get_rng_state()
    (tuned,) = strategy.fine_tune(theirs, splits.train, [0])
    assert isinstance(tuned.network, EncoderWithHead)
    assert not any("pooler" in name for name in tuned.network.state_dict())  # which nothing would train
    assert network.bert.pooler is pooler is not None
    assert same(weights(theirs), before)
    assert torch.equal(torch.random.get_rng_state(), state)
    (again,) = strategy.fine_tune(theirs, splits.train, [0])
    assert_close(answers(tuned, splits.test), answers(again, splits.test), atol=SAME_TRAINING, rtol=0)


@pytest.mark.parametrize("source", [TinyCausal(), TinyWriter()], ids=str)
def test_frozen_refuses_a_causal_model_with_a_remedy(source, splits):
    with pytest.raises(Unsupported, match="or an encoder"):
        Frozen().fine_tune(source.load(splits.labels, "cpu"), splits.train, [0])


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
    assert_close(answers(tuned, splits.test), answers(clean, splits.test), atol=SAME_TRAINING, rtol=0)
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
    rates = [rate(step, 100, 0.1) for step in range(101)]
    assert max(rates) == rates[10] == 1.0
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[0] > 0 == rates[100]
    assert [rate(step, 2, 0.0) for step in range(3)] == [1.0, 0.5, 0.0]


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
