"""Attention methods against their definitions, term by term, and the identities that relevance must keep."""

import copy
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from attrimark_plugins.methods.attention_gradcam import AttentionGradcam
from attrimark_plugins.methods.attention_rollout import AttentionRollout, rollout
from attrimark_plugins.methods.lrp import Lrp
from attrimark_plugins.methods.raw_attention import RawAttention
from attrimark_plugins.methods.shared.attentions import attentions, attentions_and_gradients
from attrimark_plugins.methods.shared.effective_weight import effective_weight
from attrimark_plugins.methods.shared.encoder_relevance import Parts, attention_relevance
from attrimark_plugins.methods.shared.relevance import share, through_linear, through_mean, through_product, through_sum
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder, TinyWriter
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_registry import Classifier, Example, Unsupported
from attrimark_registry import conformance as checks
from torch import nn
from torch.testing import assert_close

from tests.references import chefer, networks

LABELS = ("negative", "positive")
SHAPES = ("bert", "roberta", "camembert")
POOLINGS = ("first", "mean")
TEXTS = ("gorgeous", "a witty film", "slow , dull and far too long .")
METHODS = (Lrp(), AttentionRollout(), RawAttention(), AttentionGradcam())


@cache
def loaded(shape: str, pooling: str) -> Classifier:
    return TinyEncoder(shape=shape, pooling=pooling, width=16, heads=2).load(LABELS, "cpu")


def encoder(shape: str = "bert", pooling: str = "first", dtype: torch.dtype = torch.float64) -> Classifier:
    """A random encoder that the test may change."""
    model = loaded(shape, pooling)
    return model.around(copy.deepcopy(model.network).to(dtype))


def attributed(method, model, texts=TEXTS):
    """Scores, and the batch that they are for."""
    rows = networks.rows(model, texts)
    with model.active():
        batch = model.collate(rows)
        return method.attribute(model, batch, [np.random.default_rng(0) for _ in rows]), batch


def propagated(model, texts=TEXTS, first=0):
    """Relevance of each block's attention, the totals of all stages, and the batch."""
    parts = Parts.of(model.network)
    rows = networks.rows(model, texts)
    with model.active():
        batch = model.collate(rows)
        with parts.recorded() as calls:
            weights, _ = attentions_and_gradients(model, batch, "logit")
        mean = getattr(model.network, "pooling", "first") == "mean"
        return *attention_relevance(parts, calls, weights, batch, mean, first), batch


def equals_the_reference(model, method) -> None:
    scores, batch = attributed(method, model)
    assert scores.values.dtype == torch.float64
    for line, row in zip(scores.values.numpy(), batch.rows, strict=True):
        wanted, totals = chefer.scores(model, row, method.reading, method.start_layer)
        np.testing.assert_allclose(totals, 1, atol=1e-5)
        assert wanted.max() > 1e-6
        np.testing.assert_allclose(line[: len(row)], wanted, rtol=1e-5, atol=1e-5 * wanted.max())
        assert (line[len(row) :] == 0).all()


# Against the definition


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_scores_equal_the_definition(shape, pooling):
    equals_the_reference(encoder(shape, pooling), Lrp(reading="logit"))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_other_readings_and_first_layers_equal_the_definition(pooling):
    equals_the_reference(encoder(pooling=pooling), Lrp(start_layer=1))


@pytest.mark.parametrize("kind", ["Bert", "Roberta", "Camembert", "XLMRoberta"])
def test_classifiers_of_transformers_equal_the_definition(kind):
    ours = loaded(kind.lower() if kind.lower() in SHAPES else "roberta", "first")
    config = getattr(transformers, f"{kind}Config")(**{
        name: getattr(ours.network.config, name)
        for name in (
            "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
            "max_position_embeddings", "initializer_range", "pad_token_id", "type_vocab_size",
        )
    })  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = getattr(transformers, f"{kind}ForSequenceClassification")(config).double().eval()
    equals_the_reference(Classifier(network, ours.tokenizer, LABELS), Lrp(reading="logit"))


# Conservation


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_relevance_sums_to_one_at_every_stage(shape, pooling):
    model = encoder(shape, pooling)
    _, totals, batch = propagated(model)
    assert totals.shape == (3 + 8 * len(model.blocks()), len(batch))
    assert_close(totals, torch.ones_like(totals), atol=1e-5, rtol=0)
    scores, _ = attributed(Lrp(), model)
    assert (scores.diagnostics["conservation_residual"] <= 1e-5).all()


def test_the_residual_says_how_much_relevance_is_lost():
    """An output that no positive product made has nobody to give its relevance to."""
    model = encoder()
    with torch.no_grad():
        model.network.head.out_proj.weight.zero_()
    scores, _ = attributed(Lrp(reading="logit"), model)
    assert_close(scores.diagnostics["conservation_residual"], torch.ones(len(TEXTS), dtype=torch.float64))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_carries_no_relevance(pooling):
    found, _, batch = propagated(encoder(pooling=pooling))
    real = batch.real[:, None, :, None] & batch.real[:, None, None, :]
    assert not batch.real.all()
    for relevance in found:
        assert (relevance[~real.expand_as(relevance)] == 0).all()
        assert (relevance.abs().sum((1, 2, 3)) > 0).all()


def test_the_linear_rule_shares_by_positive_products_alone():
    weight = torch.tensor([[2.0, -1.0, 1.0]], dtype=torch.float64)
    inputs = torch.tensor([[1.0, -2.0, -3.0]], dtype=torch.float64)
    shared = through_linear(torch.tensor([[8.0]], dtype=torch.float64), inputs, weight)
    assert_close(shared, torch.tensor([[4.0, 4.0, 0.0]], dtype=torch.float64))


def test_the_mean_shares_by_size_where_nothing_is_positive():
    inputs = torch.tensor([[[3.0, -1.0], [-5.0, -3.0], [1.0, 7.0]]], dtype=torch.float64)
    read = torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64)
    shared = through_mean(torch.tensor([[1.0, 4.0]], dtype=torch.float64), inputs, read)
    assert_close(shared, torch.tensor([[[1.0, 1.0], [0.0, 3.0], [0.0, 0.0]]], dtype=torch.float64))


def test_each_factor_of_a_product_gets_half():
    generator = torch.Generator().manual_seed(0)
    left, right, relevance = (
        torch.rand(2, *shape, dtype=torch.float64, generator=generator) for shape in ((3, 4), (4, 5), (3, 5))
    )
    for half in through_product(relevance, left, right):
        assert_close(half.sum((1, 2)), relevance.sum((1, 2)) / 2)


def test_addends_share_the_relevance_of_their_own_text():
    generator = torch.Generator().manual_seed(0)
    relevance, one, other = (torch.randn(2, 3, 4, dtype=torch.float64, generator=generator) for _ in range(3))
    together = through_sum(relevance, one, other)
    assert_close(sum(each.sum((1, 2)) for each in together), relevance.sum((1, 2)))
    for place in range(2):
        alone = through_sum(*(each[place : place + 1] for each in (relevance, one, other)))
        for here, there in zip(together, alone, strict=True):
            assert_close(here[place : place + 1], there)


def test_nothing_is_shared_by_nothing_and_the_stabiliser_never_divides_by_zero():
    shared = share(torch.ones(3, dtype=torch.float64), torch.tensor([0.0, -1e-9, 2.0], dtype=torch.float64))
    assert_close(shared, torch.tensor([0.0, 1e9, 0.5], dtype=torch.float64))


# What scores are


@pytest.mark.parametrize("pooling", POOLINGS)
def test_scores_are_never_negative_and_the_first_token_never_leads(pooling):
    scores, batch = attributed(Lrp(), encoder(pooling=pooling))
    assert (scores.values >= 0).all()
    assert (scores.values.sum(-1) > 0).all()
    if pooling == "first":
        for line, real in zip(scores.values, batch.real, strict=True):
            assert line[0] == line[real].min()


def test_starting_at_the_last_block_is_its_own_relevance_times_gradient():
    model = encoder()
    scores, batch = attributed(Lrp(start_layer=1), model)
    (relevance,), _, _ = propagated(model, first=1)
    with model.active():
        _, gradients = attentions_and_gradients(model, batch, "log-odds")
    row = (relevance * gradients[1]).clamp(min=0).mean(1)[:, 0]
    wanted = row / (1 + row.sum(-1, keepdim=True))
    assert_close(scores.values[:, 1:], wanted[:, 1:])
    everything, _ = attributed(Lrp(), model)
    assert not torch.allclose(everything.values, scores.values)


def test_starting_after_the_last_block_is_refused():
    with pytest.raises(Unsupported, match="start_layer = 2 leaves none of 2 blocks"):
        attributed(Lrp(start_layer=2), encoder())


@pytest.mark.parametrize("pooling", POOLINGS)
def test_where_no_attention_raises_the_value_scores_are_zero_and_flagged(pooling):
    model = encoder(pooling=pooling)
    usual, _ = attributed(Lrp(), model)
    assert (usual.diagnostics["nothing_positive"] == 0).all()
    for block in model.blocks():
        with torch.no_grad():  # attention that mixes equal values has no influence
            block.attention.self.value.weight.zero_()
            block.attention.self.value.bias.zero_()
    scores, _ = attributed(Lrp(), model)
    assert (scores.values == 0).all()
    assert (scores.diagnostics["nothing_positive"] == 1).all()


def test_evidence_for_one_label_is_not_evidence_for_the_other():
    model = encoder()
    with model.active():
        rows = [model.encode(Example("0", (TEXTS[-1],)))]
        found = [
            Lrp().attribute(model, model.collate(model.decide(rows, how)), [np.random.default_rng(0)]).values
            for how in LABELS
        ]
    assert not torch.allclose(*found, atol=1e-6)


def test_a_decision_has_no_gradient():
    for method in (Lrp(reading="decision"), AttentionGradcam(reading="decision")):
        with pytest.raises(Unsupported, match="no gradient"):
            attributed(method, encoder())


# Attention alone


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", [*SHAPES, "distilbert"])
def test_attention_methods_equal_a_loop_over_texts(shape, pooling):
    model = encoder(shape, pooling)
    found = {method.name: attributed(method, model)[0].values for method in METHODS[1:]}
    rows = networks.rows(model, TEXTS)
    for place, row in enumerate(rows):
        with model.active():
            weights, gradients = attentions_and_gradients(model, model.collate([row]), "log-odds")
        read = range(len(row)) if pooling == "mean" else [0]
        flow = np.eye(len(row))
        for block in weights:
            step = block[0].numpy().mean(0) + np.eye(len(row))
            flow = step / step.sum(1, keepdims=True) @ flow
        last, slope = weights[-1][0].numpy(), gradients[-1][0].numpy()
        heads = [slope[head].mean() * last[head] for head in range(len(last))]
        wanted = {
            "attention-rollout": flow[read].mean(0),
            "raw-attention": last.mean(0)[read].mean(0),
            "attention-gradcam": np.maximum(0, np.mean(heads, axis=0))[read].mean(0),
        }
        for name, scores in wanted.items():
            np.testing.assert_allclose(found[name][place, : len(row)], scores, rtol=1e-9, atol=1e-12)
            assert (found[name][place, len(row) :] == 0).all()


@pytest.mark.parametrize("method", [AttentionRollout(), RawAttention()], ids=str)
@pytest.mark.parametrize("shape", [*SHAPES, "distilbert"])
def test_attention_of_a_text_sums_to_one(shape, method):
    for pooling in POOLINGS:
        scores, _ = attributed(method, encoder(shape, pooling))
        assert (scores.values >= 0).all()
        assert_close(scores.values.sum(-1), torch.ones(len(TEXTS), dtype=torch.float64))


def test_rows_of_a_rollout_and_what_stays_sum_to_one():
    generator = torch.Generator().manual_seed(0)
    flows = [torch.rand(2, 5, 5, dtype=torch.float64, generator=generator) for _ in range(3)]
    moved, stayed = rollout(flows)
    assert_close(moved.sum(-1) + stayed, torch.ones(2, 5, dtype=torch.float64))
    assert_close(stayed, torch.stack([1 / (1 + flow.sum(-1)) for flow in flows]).prod(0))


def test_attention_gradients_equal_finite_differences(monkeypatch):
    """Attention weights are moved one at a time, by a hook on their block."""
    model = encoder()
    rows = networks.rows(model, TEXTS[1:2])
    with model.active():
        batch = model.collate(rows)
        weights, gradients = attentions_and_gradients(model, batch, "log-odds")
        module = model.blocks()[1].attention.self
        heads = weights[1].shape[1]
        states = []
        with module.register_forward_hook(lambda module, args, output: states.append(args[0])):
            attentions(model, batch)
        value = module.value(states[0]).unflatten(-1, (heads, -1)).transpose(1, 2)
        for place in ((0, 0, 0, 1), (0, 1, 0, 3)):
            ends = []
            for step in (1e-6, -1e-6):
                moved = weights[1].clone()
                moved[place] += step
                context = (moved @ value).transpose(1, 2).flatten(2)
                with module.register_forward_hook(lambda *_, context=context: (context, None)), torch.no_grad():
                    ends.append(model.value(model.outputs(batch), [rows[0].target], "log-odds"))
            assert_close(gradients[1][place], ((ends[0] - ends[1]) / 2e-6)[0], rtol=1e-6, atol=1e-9)


# Borrowing the model


@pytest.mark.parametrize("check", checks.MODEL_METHOD_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_methods_conform_whatever_the_head(method, check):
    for model in (networks.bert(), *(encoder("camembert", pooling, torch.float32) for pooling in POOLINGS)):
        check(method, model, networks.rows(model, TEXTS))


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize("broken", ["head.out_proj", "encoder.encoder.layer.1"])
def test_the_model_is_left_as_found_after_an_error(method, broken):
    model = encoder(dtype=torch.float32)
    rows = networks.rows(model, TEXTS)

    def fail(module, args):
        raise RuntimeError("in the middle")

    wanted = [parameter.requires_grad for parameter in model.network.parameters()]
    model.network.get_submodule(broken).register_forward_pre_hook(fail)
    before = [dict(module._forward_hooks) for module in model.network.modules()]
    with pytest.raises(RuntimeError, match="in the middle"), model.active():
        method.attribute(model, model.collate(rows), [])
    assert [dict(module._forward_hooks) for module in model.network.modules()] == before
    assert model.network.config._attn_implementation == "sdpa"
    assert [parameter.requires_grad for parameter in model.network.parameters()] == wanted
    assert all(parameter.grad is None for parameter in model.network.parameters())
    assert torch.is_grad_enabled()


def test_trainable_parameters_get_no_gradients():
    model = encoder(dtype=torch.float32)
    rows = networks.rows(model, TEXTS)
    model.network.requires_grad_(True)
    for method in METHODS:
        method.attribute(model, model.collate(rows), [])
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.network.parameters())


# What is refused


@pytest.mark.parametrize("load", [lambda: TinyCausal().load(LABELS, "cpu"), lambda: TinyWriter().load((), "cpu")])
def test_causal_models_are_refused(load):
    for method in METHODS:
        with pytest.raises(Unsupported, match=r"lrp has no rules for LlamaForCausalLM|explain encoders"):
            attributed(method, load(), ("a witty film",))


def test_a_causal_network_that_classifies_is_refused():
    """Its first token sees nothing but itself."""
    tokenizer = networks.tokenizer(True)
    config = networks.llama().config
    config.num_labels = 2
    model = Classifier(transformers.LlamaForSequenceClassification(config), tokenizer, LABELS)
    for method in METHODS[1:]:
        with pytest.raises(Unsupported, match="explain encoders"):
            attributed(method, model)


def test_blocks_without_rules_are_refused_by_name():
    message = "no rules for EncoderWithHead: it knows blocks of the classes BertLayer, RobertaLayer, CamembertLayer"
    with pytest.raises(Unsupported, match=message):
        attributed(Lrp(), encoder("distilbert"))


# Weights that are stored otherwise


@pytest.mark.parametrize("double_quant", [False, True])
def test_four_bits_score_as_the_same_values_in_float(double_quant):
    model = encoder(dtype=torch.float32)
    found = []
    for backend in ("bitsandbytes", "fake"):
        quantized = Nf4(double_quant=double_quant, backend=backend).quantize(model)
        scores, _ = attributed(Lrp(), quantized)
        found.append(scores)
    assert_close(found[0].values, found[1].values, atol=1e-5, rtol=0)
    assert (found[0].diagnostics["conservation_residual"] < 1e-3).all()
    float32, _ = attributed(Lrp(), model)
    assert (float32.values - found[0].values).abs().max() > 1e-4


class Adapted(nn.Module):
    """A linear layer with low-rank adapters beside it, under the names that peft gives them."""

    def __init__(self, layer: nn.Linear, ranks: dict[str, int]):
        super().__init__()
        self.base_layer = layer
        like = {"bias": False, "dtype": layer.weight.dtype}
        self.lora_A = nn.ModuleDict({name: nn.Linear(layer.in_features, rank, **like) for name, rank in ranks.items()})
        self.lora_B = nn.ModuleDict({name: nn.Linear(rank, layer.out_features, **like) for name, rank in ranks.items()})
        self.scaling = {name: 2.0 / rank for name, rank in ranks.items()}
        self.active_adapters = list(ranks)
        self.disable_adapters = self.merged = False

    def forward(self, x):
        result = self.base_layer(x)
        if not self.disable_adapters and not self.merged:
            for name in self.active_adapters:
                result = result + self.scaling[name] * self.lora_B[name](self.lora_A[name](x))
        return result


def adapted(model: Classifier, merge: bool) -> Classifier:
    """The model with two adapters on queries and on the head, beside the weights or added to them."""
    network = copy.deepcopy(model.network)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name, layer in [*network.named_modules()]:
            if name.endswith(("query", "head.dense")):
                made = Adapted(layer, {"one": 2, "two": 3})
                if merge:
                    with torch.no_grad():
                        for adapter in ("one", "two"):
                            product = made.lora_B[adapter].weight @ made.lora_A[adapter].weight
                            layer.weight += made.scaling[adapter] * product
                else:
                    network.set_submodule(name, made)
    return model.around(network)


def test_adapters_score_as_merged_weights():
    model = encoder()
    beside, _ = attributed(Lrp(), adapted(model, merge=False))
    merged, _ = attributed(Lrp(), adapted(model, merge=True))
    assert_close(beside.values, merged.values)
    plain, _ = attributed(Lrp(), model)
    assert (plain.values - merged.values).abs().max() > 1e-4


def test_the_effective_weight_is_what_the_layer_multiplies_with():
    layer = Adapted(nn.Linear(6, 5, dtype=torch.float64), {"one": 2, "two": 3})
    for state in ({}, {"active_adapters": ["two"]}, {"merged": True}, {"merged": False, "disable_adapters": True}):
        vars(layer).update(state)
        columns = layer(torch.eye(6, dtype=torch.float64)) - layer(torch.zeros(6, dtype=torch.float64))
        assert_close(effective_weight(layer), columns.T.detach())


def test_adapters_that_are_no_product_are_refused():
    layer = Adapted(nn.Linear(6, 5), {"one": 2})
    layer.use_dora = {"one": True}
    with pytest.raises(Unsupported, match="DoRA"):
        effective_weight(layer)
    other = SimpleNamespace(base_layer=nn.Linear(6, 5), disable_adapters=False, merged=False)
    with pytest.raises(Unsupported, match="no low-rank adapter"):
        effective_weight(other)
