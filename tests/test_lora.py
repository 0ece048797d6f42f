"""Low-rank adapters: nothing before the first step, the same merged as not, and off without a trace."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.models.minilm import Minilm
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder, TinyWriter
from attrimark_plugins.quantizers.fp4 import Fp4
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_plugins.strategies.full import Full
from attrimark_plugins.strategies.lora import Lora
from attrimark_plugins.strategies.qlora import QLora
from attrimark_plugins.strategies.shared.adapters import adapted_layers, adapters_off, inner_layers, merged
from attrimark_registry import AttrimarkError, Unsupported, logical_shape
from torch.testing import assert_close

BRIEF = {"epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "rank": 3, "alpha": 6}
SPLITS = Planted(train=24, validation=0, test=4).load()
# every kind of linear layer that adapters lie over
SOURCES = (
    TinyEncoder(layers=1, width=16, heads=2),
    TinyEncoder(shape="distilbert", layers=1, width=16, heads=2),
    TinyCausal(layers=1, width=16, heads=2),
    TinyCausal(shape="gpt2", layers=1, width=16, heads=2),
)


@pytest.fixture(params=SOURCES, ids=str)
def model(request):
    return request.param.load(SPLITS.labels, "cpu")


@pytest.fixture
def encoder():
    return SOURCES[0].load(SPLITS.labels, "cpu")


def answers(model):
    with torch.no_grad(), model.active():
        return model.outputs(model.collate([model.encode(example) for example in SPLITS.test]))


def with_its_head(blank, model):
    """The blank, with the untrained model's head where it has one: only the adapters are new."""
    if hasattr(model.network, "head"):
        blank.network.head.load_state_dict(model.network.head.state_dict())
    return blank


def test_before_the_first_step_an_adapter_adds_nothing(model):
    assert_close(answers(with_its_head(Lora().blank(model), model)), answers(model))


def test_before_the_first_step_an_adapter_over_four_bits_adds_nothing(model):
    quantized = Nf4(skip=("head",) if hasattr(model.network, "head") else ()).quantize(model)
    assert_close(answers(with_its_head(Lora().blank(quantized), model)), answers(quantized))


def test_merged_adapters_answer_as_unmerged_ones(model):
    (tuned,) = Lora(**BRIEF).fine_tune(model, SPLITS.train, [0])
    before = {name: value.clone() for name, value in tuned.network.state_dict().items()}
    plain = tuned.around(merged(tuned.network))
    assert not list(adapted_layers(plain.network))
    assert plain.network.state_dict().keys() == model.network.state_dict().keys()
    assert not torch.allclose(answers(tuned), answers(model), atol=1e-2)
    assert_close(answers(plain), answers(tuned), atol=1e-5, rtol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in tuned.network.state_dict().items())


def test_adapters_off_is_the_network_before_and_leaves_no_trace(model):
    (tuned,) = Lora(**BRIEF).fine_tune(model, SPLITS.train, [0])
    tuned.network.requires_grad_(False)
    found = answers(tuned)
    with adapters_off(tuned.network):
        off = answers(with_its_head(tuned.around(tuned.network), tuned))
        with adapters_off(tuned.network):
            pass
        assert torch.equal(answers(tuned), off)  # the inner context does not turn them on
    assert torch.equal(answers(tuned), found)
    assert not any(each.requires_grad for each in tuned.network.parameters())
    if hasattr(tuned.network, "head"):
        model.network.head = tuned.network.head
    assert_close(off, answers(model))


@pytest.mark.parametrize("strategy", [Lora(**BRIEF), QLora(**BRIEF)], ids=str)
def test_adapters_and_head_are_tuned_and_everything_else_is_shared(strategy, encoder):
    one, two = strategy.fine_tune(encoder, SPLITS.train, [0, 1])
    origin = one.pretrained.network.state_dict()
    assert all("lora_" in name or name.startswith("head.") for name in one.tuned)
    assert {name for name in one.tuned if "lora_" not in name} == {
        f"head.{name}" for name, _ in encoder.network.head.named_parameters()
    }
    theirs = dict(two.network.named_parameters())
    for name, parameter in one.network.named_parameters():
        place = origin.get(name.replace(".base_layer.", "."))
        assert (theirs[name].data_ptr() == parameter.data_ptr()) == (name not in one.tuned), name
        assert name in one.tuned or place.data_ptr() == parameter.data_ptr(), name


def test_an_adapter_has_the_rank_and_the_weight_it_was_given(encoder):
    network = Lora(rank=3, alpha=12).blank(encoder).network
    layers = dict(adapted_layers(network))
    assert inner_layers(encoder.network) == list(layers)
    for layer in layers.values():
        assert layer.lora_A["default"].out_features == layer.lora_B["default"].in_features == 3
        assert layer.scaling["default"] == 4
        assert layer.lora_B["default"].weight.abs().max() == 0


def test_layers_are_chosen_by_parts_of_their_names(encoder):
    network = Lora(layers=("query", "value")).blank(encoder).network
    assert {name.rpartition(".")[2] for name, _ in adapted_layers(network)} == {"query", "value"}
    with pytest.raises(AttrimarkError, match="layers: none has 'qeury' in its name"):
        Lora(layers=("qeury",)).blank(encoder)


def test_the_output_layer_has_no_adapter():
    model = SOURCES[2].load(SPLITS.labels, "cpu")
    assert not any("lm_head" in name for name, _ in adapted_layers(Lora().blank(model).network))


def test_a_writer_learns_its_references():
    writer = TinyWriter(layers=1, width=16, heads=2).load((), "cpu")
    told = [replace(each, reference=f" {each.label}") for each in SPLITS.train]
    (tuned,) = Lora(**{**BRIEF, "epochs": 8}).fine_tune(writer, told, [0])
    rows = tuned.decide([tuned.encode(each) for each in told], "gold")
    with torch.no_grad():
        assert tuned.outputs(tuned.collate(rows)).sum() > 0.75 * writer.outputs(writer.collate(rows)).sum()


def test_attribution_sees_the_network_it_knows(model):
    (tuned,) = Lora(**BRIEF).fine_tune(model, SPLITS.train, [0])
    assert type(tuned.network) is type(model.network)
    assert len(tuned.blocks()) == len(model.blocks())
    adapters = sum(
        rows * columns
        for name, layer in tuned.blocks()[0].named_modules()
        if "lora_" in name and (shape := logical_shape(layer))
        for rows, columns in [shape]
    )
    assert tuned.flops(7) - model.flops(7) == 2 * 7 * adapters > 0
    with tuned.active():
        batch = tuned.collate([tuned.encode(example) for example in SPLITS.test])
        embeddings = tuned.embed(batch).detach().requires_grad_(True)
        outputs = tuned.outputs(batch, embeddings)
        assert_close(outputs, answers(tuned))
        (gradient,) = torch.autograd.grad(outputs[:, 0].sum(), embeddings)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("backend", ["bitsandbytes", "fake"])
def test_quantizing_merges_adapters_first(backend, model):
    (tuned,) = Lora(**BRIEF).fine_tune(model, SPLITS.train, [0])
    quantized = Nf4(backend=backend).quantize(tuned)
    by_hand = Nf4(backend=backend).quantize(tuned.around(merged(tuned.network)))
    assert_close(answers(quantized), answers(by_hand), atol=1e-5, rtol=1e-5)
    adapted = {f"{name}.weight" for name, _ in adapted_layers(tuned.network)}
    head = {name for name in tuned.tuned if name.startswith("head.")}
    assert quantized.tuned == adapted | head
    assert adapted <= quantized.packed.keys()
    assert quantized.tuned <= dict(quantized.network.named_parameters()).keys()
    assert quantized.pretrained is model


@pytest.mark.parametrize("backend", ["bitsandbytes", "fake"])
def test_an_adapter_over_four_bits_is_never_merged(backend, encoder):
    quantized = Nf4(backend=backend).quantize(encoder)
    (tuned,) = Lora(**BRIEF).fine_tune(quantized, SPLITS.train, [0])
    assert {name.replace(".base_layer.", ".") for name in tuned.packed} == {
        name for name in quantized.packed if not name.startswith("head.")
    }
    for again in (Nf4().quantize, Fp4(backend="fake").quantize, QLora().blank, Lora().blank):
        with pytest.raises(Unsupported, match=r"query was trained over quantized weights and is not merged"):
            again(tuned)


def test_bitsandbytes_networks_refuse_merging_by_themselves(encoder):
    with pytest.raises(Unsupported, match="not merged"):
        merged(Lora().blank(Nf4().quantize(encoder)).network)


def test_adapters_over_both_backends_are_trained_alike(encoder):
    tuned = [
        Lora(**BRIEF).fine_tune(Nf4(double_quant=True, backend=backend).quantize(encoder), SPLITS.train, [0])[0]
        for backend in ("bitsandbytes", "fake")
    ]
    layers = {type(layer).__module__ for _, layer in adapted_layers(tuned[0].network)}
    assert layers == {"peft.tuners.lora.bnb"}
    assert_close(answers(tuned[0]), answers(tuned[1]), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("index", range(len(SOURCES)), ids=lambda index: str(SOURCES[index]))
def test_qlora_is_lora_over_nf4_with_double_quantization(index):
    model = SOURCES[index].load(SPLITS.labels, "cpu")
    outer = tuple(part for part in ("head", "lm_head") if hasattr(model.network, part))
    outer = () if index == 3 else outer  # GPT-2's output layer is its table of words, which is never quantized
    quantized = Nf4(double_quant=True, skip=outer).quantize(model)
    (one,) = Lora(**BRIEF).fine_tune(quantized, SPLITS.train, [0])
    (other,) = QLora(**BRIEF).fine_tune(model, SPLITS.train, [0])
    assert one.packed == other.packed
    assert other.packed
    assert one.tuned == other.tuned
    assert_close(answers(one), answers(other), atol=1e-4, rtol=1e-4)
    assert other.pretrained is not None
    assert other.pretrained.packed == quantized.packed


def test_adapters_on_adapters_begin_where_the_first_ones_ended(encoder):
    (first,) = Lora(**BRIEF).fine_tune(encoder, SPLITS.train, [0])
    blank = with_its_head(Lora().blank(first), first)
    assert_close(answers(blank), answers(first), atol=1e-5, rtol=1e-5)
    (full,) = Full(epochs=1, batch_size=8).fine_tune(encoder, SPLITS.train, [0])
    assert_close(answers(with_its_head(Lora().blank(full), full)), answers(full))


@pytest.mark.assets
def test_merged_adapters_of_a_real_encoder_answer_as_unmerged_ones():
    model = Minilm().load(SPLITS.labels, "cpu")
    options = {**BRIEF, "learning_rate": 1e-3, "rank": 16, "alpha": 32}
    assert_close(answers(with_its_head(Lora().blank(model), model)), answers(model))
    (tuned,) = Lora(**options).fine_tune(model, SPLITS.train, [0])
    assert_close(answers(tuned.around(merged(tuned.network))), answers(tuned), atol=1e-4, rtol=0)
    (quantized,) = QLora(**options).fine_tune(model, SPLITS.train, [0])
    assert len(quantized.packed) == 36
    assert not torch.allclose(answers(quantized), answers(tuned), atol=1e-4)
