"""α-scaling: both ends are the two networks, what lies between is worked out block by block, and nothing stays."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from attrimark.run.attribute import attribute
from attrimark.run.prepare import prepare
from attrimark.run.variants import Variants
from attrimark.suite.matrix import cells_of, variants_of
from attrimark.suite.suite import Matrix, Suite
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.methods.attention_gradcam import AttentionGradcam
from attrimark_plugins.methods.attention_rollout import AttentionRollout
from attrimark_plugins.methods.input_x_gradient import InputXGradient
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.lrp import Lrp
from attrimark_plugins.methods.raw_attention import RawAttention
from attrimark_plugins.methods.shared.contributions import contributions, final_states
from attrimark_plugins.metrics.accuracy import Accuracy
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder, TinyWriter
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_plugins.quantizers.none import NoQuantization
from attrimark_plugins.strategies.full import Full
from attrimark_plugins.strategies.lora import Lora
from attrimark_plugins.strategies.qlora import QLora
from attrimark_plugins.strategies.scaled import Scaled
from attrimark_registry import AttrimarkError, Classifier, Unsupported
from attrimark_registry.tree_trial import allows_trees
from torch.testing import assert_close

from tests.references import networks, residual_streams
from tests.references.networks import WORDS

SPLITS = Planted(train=24, validation=0, test=6).load()
BRIEF = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2}
LORA, FULL, QLORA = Lora(**BRIEF, rank=3, alpha=6), Full(**BRIEF), QLora(**BRIEF, rank=3, alpha=6)
CAUSAL = TinyCausal(layers=2, width=16, heads=2)
PAIRS = (
    (CAUSAL, LORA),
    (TinyCausal(shape="gpt2", layers=2, width=16, heads=2), LORA),
    (TinyCausal(shape="mistral", layers=2, width=16, heads=2), QLORA),
    (TinyEncoder(layers=2, width=16, heads=2), FULL),
    (TinyEncoder(shape="distilbert", layers=2, width=16, heads=2), LORA),
)


@cache
def fine_tuned(source, strategy):
    return strategy.fine_tune(source.load(SPLITS.labels, "cpu"), SPLITS.train, [0])[0]


@pytest.fixture(params=PAIRS, ids=str)
def tuned(request):
    return fine_tuned(*request.param)


@pytest.fixture
def causal():
    return fine_tuned(CAUSAL, LORA)


def scaled(model, alpha):
    return Scaled(alpha=alpha).fine_tune(model, [], [0])[0]


def answers(model, examples=SPLITS.test):
    with torch.no_grad(), model.active():
        return model.outputs(model.collate([model.encode(example) for example in examples]))


def states(model, examples=SPLITS.test):
    with model.active():
        batch = model.collate([model.encode(example) for example in examples])
        return final_states(model, batch)[batch.real]


def test_alpha_one_is_the_fine_tuned_network(tuned):
    assert_close(answers(scaled(tuned, 1.0)), answers(tuned))


def test_alpha_zero_has_the_blocks_of_the_pretrained_network(tuned):
    if any("embed" in name or "head" in name for name in tuned.tuned):  # moved as well, and no block
        network = tuned.around(tuned.pretrained.network)
        with torch.no_grad(), network.active(), tuned.active():
            batch = tuned.collate([tuned.encode(example) for example in SPLITS.test])
            embedded = []
            hook = tuned.blocks()[0].register_forward_pre_hook(lambda block, args: embedded.append(args[0]))
            final_states(tuned, batch)
            hook.remove()
            hook = network.blocks()[0].register_forward_pre_hook(lambda block, args: (embedded[0], *args[1:]))
            wanted = final_states(network, batch)[batch.real]
            hook.remove()
        assert_close(states(scaled(tuned, 0.0)), wanted, atol=1e-5, rtol=1e-5)
    else:
        assert_close(answers(scaled(tuned, 0.0)), answers(tuned.pretrained), atol=1e-5, rtol=1e-5)


def test_between_and_beyond_every_block_adds_pretraining_s_part_and_alpha_times_the_rest():
    torch.manual_seed(0)
    before, after = (torch.randn(3, 4, 4) / 2 for _ in range(2))
    embeddings = torch.randn(len(WORDS), 4)

    def blocks(matrices):
        return [lambda state, matrix=matrix: (state @ matrix).tanh() for matrix in matrices]

    model = residual_streams.writer(blocks(after), embeddings, residual_streams.writer(blocks(before), embeddings))
    for alpha in (0.0, 0.75, 1.0, 1.25, 3.0):
        with model.active():
            batch = model.collate([model.encode(example) for example in SPLITS.test])
            state = model.network.embeddings(batch.input_ids)
        for one, other in zip(before, after, strict=True):
            pretraining, whole = (state @ one).tanh(), (state @ other).tanh()
            state = state + pretraining + alpha * (whole - pretraining)
        assert_close(states(scaled(model, alpha)), state[batch.real])


def test_the_decomposition_of_a_scaled_network_is_exact(tuned):
    model = scaled(tuned, 0.5)
    with model.active():
        found = contributions(
            model, model.pretrained, model.collate([model.encode(example) for example in SPLITS.test])
        )
    assert found.residual.max() <= 1e-5
    nothing = scaled(tuned, 0.0)
    with nothing.active():
        batch = nothing.collate([nothing.encode(example) for example in SPLITS.test])
        found = contributions(nothing, nothing.pretrained, batch)
    assert found.tuco().max() < 1e-5


def test_batching_and_padding_change_nothing(tuned):
    model = scaled(tuned, 1.5)
    together = answers(model)
    for place, example in enumerate(SPLITS.test):
        assert_close(answers(model, [example])[0], together[place], atol=1e-5, rtol=1e-5)


def test_masks_and_rotary_embeddings_are_each_network_s_own():
    import copy

    model = TinyCausal(shape="mistral", layers=2, width=16, heads=2).load(SPLITS.labels, "cpu")
    origin = model.around(copy.deepcopy(model.network))
    origin.network.config.sliding_window = 3
    rotary = origin.network.model.rotary_emb
    rotary.inv_freq = rotary.inv_freq / 7
    model.pretrained = origin
    assert not torch.allclose(answers(model), answers(origin), atol=1e-3)
    assert_close(answers(scaled(model, 0.0)), answers(origin))
    assert_close(answers(scaled(model, 1.0)), answers(model))


def traces(model):
    found = []
    for each in (model, model.pretrained):
        for module in each.network.modules():
            found += [
                module.training,
                "forward" in vars(module),
                len(module._forward_hooks),
                len(module._forward_pre_hooks),
            ]
        found += [parameter.requires_grad for parameter in each.network.parameters()]
    return found


def test_a_classifier_of_transformers_is_scaled_though_its_origin_has_a_head_of_another_kind():
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    tiny = TinyEncoder(shape="distilbert", layers=2, width=16, heads=2).load(SPLITS.labels, "cpu")
    config = DistilBertConfig(vocab_size=len(tiny.tokenizer), dim=16, hidden_dim=32, n_layers=2, n_heads=2)
    theirs = Classifier(DistilBertForSequenceClassification(config), tiny.tokenizer, SPLITS.labels)
    for origin in (theirs, networks.bert()):
        tuned = FULL.fine_tune(origin, SPLITS.train, [0])[0]
        assert type(tuned.network) is not type(tuned.pretrained.network)
        assert_close(answers(scaled(tuned, 1.0)), answers(tuned))
        assert not torch.allclose(answers(scaled(tuned, 0.5)), answers(tuned), atol=1e-4)


def test_the_network_is_left_as_found_also_after_an_error(tuned):
    before, found = traces(tuned), answers(tuned)
    model = scaled(tuned, 2.0)
    assert not torch.allclose(answers(model), found, atol=1e-3)
    assert traces(tuned) == before
    assert torch.equal(answers(tuned), found)
    for network in (tuned, tuned.pretrained):
        breaks = network.blocks()[1].register_forward_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            answers(model)
        breaks.remove()
        assert traces(tuned) == before
    assert torch.equal(answers(tuned), found)


def test_a_model_that_is_made_active_twice_is_scaled_once(causal):
    model = scaled(causal, 2.0)
    wanted = answers(model)
    with model.active():
        assert torch.equal(answers(model), wanted)
        assert torch.equal(answers(model), wanted)
    assert torch.equal(answers(model), wanted)


def test_scaling_twice_multiplies(causal):
    assert_close(answers(scaled(scaled(causal, 0.5), 3.0)), answers(scaled(causal, 1.5)), atol=1e-5, rtol=1e-5)


def test_a_cache_is_refused(causal):
    model = scaled(causal, 0.5)
    ids = torch.tensor([[1, 2, 3]])
    with model.active():
        for call in (
            lambda: model.network(ids),
            lambda: model.network.generate(ids, max_new_tokens=3, do_sample=False),
        ):
            with pytest.raises(AttrimarkError, match="without a cache"):
                call()
        model.network(ids, use_cache=False)


def test_trees_are_not_packed_on_a_scaled_network_and_the_numbers_are_those_of_single_rows(causal):
    model = scaled(causal, 0.5)
    with causal.active():
        row = causal.encode(SPLITS.test[0])
        assert allows_trees(causal, row)
    with model.active():
        assert not allows_trees(model, row)
        prepared = prepare(model, SPLITS.test[:2], "predicted", "word")
        made = attribute(prepared, LeaveOneOut(reading="logit")).explained
        row = prepared.rows[0]
        rows = [row, *(model.remove(row, np.arange(len(row.features)) != place, "delete") for place in range(3))]
        with torch.no_grad():
            values = [model.outputs(model.collate([each]))[0, row.target.chosen[0]].item() for each in rows]
    assert made[0].scores[:3] == pytest.approx(values[0] - np.array(values[1:]), abs=1e-4)


def test_gradients_go_through_both_networks(causal):
    model = scaled(causal, 0.5)
    with model.active():
        prepared = prepare(model, SPLITS.test[:2], "predicted", "word")
        row = prepared.rows[0]
        batch = model.collate([row])
        embeddings = model.embed(batch).detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(model.outputs(batch, embeddings)[0, 0], embeddings)
        step = 1e-2 * torch.randn(embeddings.shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            ahead, behind = (model.outputs(batch, embeddings + side * step)[0, 0] for side in (1, -1))
        assert_close((gradient * step).sum().double(), (ahead - behind) / 2, atol=1e-3, rtol=5e-2)
        assert attribute(prepared, InputXGradient()).explained[0].scores.any()


def test_a_scaled_writer_writes():
    writer = TinyWriter(layers=2, width=16, heads=2).load((), "cpu")
    model = scaled(tuned_writer(writer), 0.0)
    with model.active():
        rows = [model.encode(example) for example in SPLITS.test[:2]]
        assert model.generate(rows, 4) == writer.generate(rows, 4)


def tuned_writer(writer):
    from dataclasses import replace

    told = [replace(each, reference=f" {each.label}") for each in SPLITS.train]
    return LORA.fine_tune(writer, told, [0])[0]


def test_attention_methods_refuse_what_two_networks_compute_together():
    model = scaled(fine_tuned(TinyEncoder(layers=2, width=16, heads=2), FULL), 0.5)
    with model.active():
        batch = model.collate(model.decide([model.encode(SPLITS.test[0])]))
        for method in (Lrp(), RawAttention(), AttentionRollout(), AttentionGradcam()):
            with pytest.raises(Unsupported, match="two networks' blocks"):
                method.attribute(model, batch, [])


# In a chain


def test_what_has_no_origin_and_what_is_scaled_already_are_refused(causal):
    with pytest.raises(Unsupported, match="no fine-tuning is known of"):
        scaled(CAUSAL.load(SPLITS.labels, "cpu"), 0.5)
    for strategy in (LORA, FULL):
        with pytest.raises(Unsupported, match="let scaled be the last step"):
            strategy.fine_tune(scaled(causal, 0.5), SPLITS.train, [0])


def test_a_quantized_network_is_scaled_and_a_scaled_one_quantized_alike(causal):
    first = scaled(Nf4(backend="fake").quantize(causal), 0.5)
    last = Nf4(backend="fake").quantize(scaled(causal, 0.5))
    assert_close(answers(first), answers(last))
    assert not torch.allclose(answers(first), answers(scaled(causal, 0.5)), atol=1e-4)


def suite(**changed):
    parts = {
        "datasets": (Planted(train=24, validation=0, test=4),),
        "models": (CAUSAL,),
        "methods": (LeaveOneOut(),),
        "metrics": (Accuracy(),),
        "quantizers": (NoQuantization(),),
        "strategies": tuple((LORA, Scaled(alpha=alpha)) for alpha in (0.0, 0.5, 1.0)),
        "explain": 4,
    }
    return Matrix(**{**parts, **changed})


def test_many_values_of_alpha_train_once(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(
        "attrimark_plugins.strategies.shared.training.descend", lambda model, rows, recipe: trained.append(len(rows))
    )
    variants = Variants("cpu", tmp_path)
    models = [variants.get(variant, [0]) for variant in variants_of(suite())]
    assert trained == [24]
    assert [len(model.altered) for model in models] == [1, 1, 1]


def test_without_a_step_that_trains_scaling_is_unsupported_from_the_start():
    (cell, *_) = cells_of(Suite("s", (suite(strategies=((Scaled(alpha=0.5),),)),)))
    assert "no fine-tuning is known of" in cell.problem
    assert cell.variant.training == ()
    assert all(cell.problem is None for cell in cells_of(Suite("s", (suite(),))))
