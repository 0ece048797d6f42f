"""The fine-tuning surface: the published figures from a configuration, and counts that no storage changes."""

from functools import cache

import numpy as np
import pytest
import torch
from attrimark_plugins.metrics.fine_tuning_surface import FineTuningSurface, surface, weight_counts
from attrimark_plugins.models.shared.encoder_with_head import EncoderWithHead
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_registry import AttrimarkError, Model, Packing
from attrimark_registry.errors import Unsupported
from torch import nn

LABELS = ("information", "opinion")
FOUR_BITS = Packing(code=4, scales=0.5)


@cache
def camembert() -> EncoderWithHead:
    """camembert-base in its published sizes, without weights."""
    from transformers import AutoModel, CamembertConfig

    config = CamembertConfig(
        vocab_size=32005,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=3072,
        max_position_embeddings=514,
        type_vocab_size=1,
    )
    with torch.device("meta"):
        return EncoderWithHead(AutoModel.from_config(config, add_pooling_layer=False), len(LABELS))


def linear_weights(network: nn.Module) -> dict[str, Packing]:
    """All linear layers in four bits."""
    return {f"{name}.weight": FOUR_BITS for name, module in network.named_modules() if isinstance(module, nn.Linear)}


def everything(model: Model, packed: dict[str, Packing] | None = None) -> Model:
    """The model as if all of it had been fine-tuned, and then quantized."""
    tuned = model.around(model.network, packed)
    tuned.tuned = frozenset(name for name, _ in model.network.named_parameters())
    return tuned


# The paper's table


def test_camembert_has_the_published_number_of_parameters():
    assert sum(weight_counts(camembert()).values()) == 110_623_490


@pytest.mark.parametrize(
    ("part", "quantized", "biases", "bits"),
    [
        ("", False, "stored", 110_623_490 * 32),
        ("head.", False, "stored", 592_130 * 32),
        ("", True, "stored", (84_934_656 + 591_360) * 4 + 25_097_474 * 16),
        ("head.", True, "stored", 591_360 * 4 + 770 * 16),
        ("head.", True, "packed", 592_130 * 4),
    ],
)
def test_camemberts_surfaces_follow_from_its_configuration(part, quantized, biases, bits):
    counts = weight_counts(camembert())
    tuned = {name for name in counts if name.startswith(part)}
    packed = linear_weights(camembert()) if quantized else {}
    assert surface(counts, tuned, packed, biases=biases) == bits


def test_the_surfaces_are_those_of_the_paper_but_for_one_exponent():
    counts = weight_counts(camembert())
    head = {name for name in counts if name.startswith("head.")}
    packed = linear_weights(camembert())
    full, frozen = surface(counts, counts, {}), surface(counts, head, {})
    assert [f"{bits:.3e}" for bits in (full, frozen)] == ["3.540e+09", "1.895e+07"]
    quantized = [
        surface(counts, counts, packed),
        surface(counts, head, packed),
        surface(counts, head, packed, biases="packed"),
    ]
    assert [f"{bits:.3e}" for bits in quantized] == ["7.437e+08", "2.378e+06", "2.369e+06"]
    # four bits of 32 cannot make a surface more than 8 times smaller, and the paper's table says 47 times
    assert full / quantized[0] < 8


# The arithmetic

COUNTS = {"embed.weight": 100, "dense.weight": 64, "dense.bias": 8, "norm.bias": 8}
PACKED = {"dense.weight": FOUR_BITS}


@pytest.mark.parametrize(
    ("options", "bits"),
    [
        ({}, 64 * 4 + 116 * 16),
        ({"other_bits": 32}, 64 * 4 + 116 * 32),
        ({"count_scales": True}, 64 * 4.5 + 116 * 16),
        ({"biases": "packed"}, 64 * 4 + 8 * 4 + 108 * 16),
        ({"biases": "packed", "count_scales": True}, 64 * 4.5 + 8 * 4 + 108 * 16),
    ],
)
def test_each_weight_takes_the_bits_it_is_stored_in(options, bits):
    assert surface(COUNTS, COUNTS, PACKED, **options) == bits
    assert surface(COUNTS, COUNTS, {}, **options) == 180 * 32  # nothing quantized: no option says anything


def test_only_what_was_tuned_counts_and_a_packed_neighbour_halves_it():
    assert surface(COUNTS, {"norm.bias"}, {}) == 8 * 32
    assert surface(COUNTS, {"norm.bias"}, PACKED) == 8 * 16
    assert surface(COUNTS, set(), PACKED) == 0


def test_a_tuned_name_that_the_network_lacks_is_refused():
    with pytest.raises(AttrimarkError, match=r"no parameter of this network: dense\.wieght"):
        surface(COUNTS, {"dense.wieght", "norm.bias"}, {})


# As a metric of a model


@pytest.mark.parametrize("source", [TinyEncoder(), TinyCausal(), TinyCausal(shape="gpt2")], ids=str)
def test_packing_two_codes_into_a_byte_changes_no_count(source):
    model = source.load(LABELS, "cpu")
    stored = Nf4(backend="bitsandbytes").quantize(model)
    assert weight_counts(stored.network) == weight_counts(model.network)
    linear = [module for module in stored.network.modules() if type(module).__name__ == "Linear4bit"]
    assert all(module.weight.numel() < module.in_features * module.out_features for module in linear)


def test_the_metric_reads_what_the_model_says_of_itself():
    model = TinyEncoder().load(LABELS, "cpu")
    total = sum(parameter.numel() for parameter in model.network.parameters())
    assert FineTuningSurface().measure(everything(model), ()) == 32 * total
    packed = linear_weights(model.network)
    linear = sum(model.network.get_parameter(name).numel() for name in packed)
    assert FineTuningSurface().measure(everything(model, packed), ()) == 4 * linear + 16 * (total - linear)
    scaled = FineTuningSurface(count_scales=True, other_bits=32)
    assert scaled.measure(everything(model, packed), ()) == 4.5 * linear + 32 * (total - linear)


def test_a_model_of_which_no_fine_tuning_is_known_has_no_surface():
    with pytest.raises(Unsupported, match="no fine-tuning surface"):
        FineTuningSurface().measure(TinyEncoder().load(LABELS, "cpu"), ())


def test_tied_weights_are_one_parameter():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(10, 4), nn.Linear(4, 10, bias=False)
            self.head.weight = self.words.weight

    assert weight_counts(Tied()) == {"words.weight": 40}


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated")  # peft asks transformers for it
@pytest.mark.parametrize("bits", [32, 4])
def test_adapters_count_as_the_parameters_they_are(bits):
    peft = pytest.importorskip("peft")
    model = TinyCausal().load(LABELS, "cpu")
    below = model if bits == 32 else Nf4().quantize(model)
    network = peft.get_peft_model(below.network, peft.LoraConfig(r=3, target_modules=["q_proj", "v_proj"]))
    adapters = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert all("lora_" in name for name in adapters)
    adapted = below.around(network, {} if bits == 32 else linear_weights(below.network))
    adapted.tuned = frozenset(adapters)
    # rank × (inputs + outputs) for each layer: queries 32 → 32, values 32 → 16 (two heads share them), two blocks
    weights = 2 * 3 * ((32 + 32) + (32 + 16))
    # an adapter on packed weights is itself no packed weight
    assert FineTuningSurface().measure(adapted, ()) == weights * (32 if bits == 32 else 16)


def test_the_surface_is_one_finite_number_of_bits():
    metric = FineTuningSurface()
    assert (metric.unit, metric.higher_is_better, metric.headline) == ("bit", False, False)
    bits = metric.measure(everything(TinyEncoder().load(LABELS, "cpu")), ())
    assert np.ndim(bits) == 0
    assert metric.bounds[0] < bits < metric.bounds[1]
