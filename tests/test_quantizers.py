"""Four-bit weights: the codes as defined, both backends alike in values and gradients, the given model untouched."""

import copy

import pytest
import torch
from attrimark_plugins.models.shared.mixed_precision import in_mixed_precision
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_plugins.quantizers.fp4 import Fp4
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_plugins.quantizers.shared.four_bit import DTYPES, linear_layers, rounded
from attrimark_registry import AttrimarkError, Example, Unsupported

from tests.references import four_bit as reference

LABELS = ("negative", "positive")
CODES = ("fp4", "nf4")
EXAMPLES = [Example("0", ("a wonderful film",)), Example("1", ("slow, dull and long",))]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", [(64, 64), (8, 40), (3, 7)])
def test_weights_are_at_the_nearest_level_of_their_block(code, shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(rounded(weight, code, False), reference.rounded(weight, code), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("code", CODES)
def test_rounding_twice_is_rounding_once(code):
    weight = torch.randn(32, 48, generator=torch.Generator().manual_seed(1))
    once = rounded(weight, code, False)
    torch.testing.assert_close(rounded(once, code, False), once, atol=1e-6, rtol=0)


@pytest.mark.parametrize("shape", [(8, 40), (3, 7), (64, 64)])
def test_double_quantization_moves_a_weight_by_no_more_than_its_scale_is_rounded(shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    gap = (rounded(weight, "nf4", True) - rounded(weight, "nf4", False)).abs().max()
    assert gap <= 0.02 * weight.abs().max()


def test_a_block_of_zeros_stays_zero():
    assert rounded(torch.zeros(2, 64), "nf4", False).abs().max() == 0


@pytest.mark.parametrize(("code", "error"), [("nf4", 0.0928), ("fp4", 0.1230)])
def test_the_error_on_normal_weights_is_the_known_one(code, error):
    weight = torch.randn(512, 512, generator=torch.Generator().manual_seed(2))
    found = (rounded(weight, code, False) - weight).pow(2).mean().sqrt().item()
    assert found == pytest.approx(error, abs=0.0015)


@pytest.mark.parametrize("compute", DTYPES)
@pytest.mark.parametrize("double_quant", [False, True])
@pytest.mark.parametrize("plugin", [Fp4, Nf4])
@pytest.mark.parametrize("source", [TinyEncoder(), TinyCausal(), TinyCausal(shape="gpt2")], ids=str)
def test_both_backends_give_the_same_outputs_and_input_gradients(source, plugin, double_quant, compute):
    model = source.load(LABELS, "cpu")
    found = []
    for backend in ("bitsandbytes", "fake"):
        quantized = plugin(double_quant=double_quant, backend=backend, compute=compute).quantize(model)
        found.append(outputs_and_gradient(quantized))
        assert quantized.precision == DTYPES[compute]
    for one, other in zip(*found, strict=True):
        # sums may be taken in another order, each of whose products is rounded to `compute`
        rounding = max(1e-5, 4 * torch.finfo(DTYPES[compute]).eps) * one.abs().max().item()
        torch.testing.assert_close(one, other, atol=rounding, rtol=0)
    assert found[0][1].abs().max() > 0
    assert model.precision == torch.float32


@pytest.mark.parametrize("backend", ["bitsandbytes", "fake"])
@pytest.mark.parametrize("source", [TinyEncoder(), TinyCausal()], ids=str)
def test_products_in_half_of_the_bits_are_rounded_as_these_bits_say(source, backend):
    model = source.load(LABELS, "cpu")
    outputs, gradients = {}, {}
    for compute in DTYPES:
        quantized = Nf4(backend=backend, compute=compute).quantize(model)
        outputs[compute], gradients[compute] = outputs_and_gradient(quantized)
        assert gradients[compute].dtype == torch.float32
    for found in (outputs, gradients):
        scale = found["float32"].abs().max()
        apart = {compute: (found[compute] - found["float32"]).abs().max() / scale for compute in DTYPES}
        assert 0 < apart["float16"] < 0.01
        assert apart["float16"] < apart["bfloat16"] < 0.1  # ten bits after the point, and seven


def test_a_network_that_computes_in_few_bits_is_quantized_as_its_weights_are():
    """The numbers that it computed in are its own, not those of the layers that stand in their place."""
    exact = TinyCausal().load(LABELS, "cpu")
    for weight in exact.network.parameters():
        weight.data = weight.data.bfloat16().float()
    halved = exact.around(in_mixed_precision(copy.deepcopy(exact.network)))
    for backend in ("bitsandbytes", "fake"):
        wanted, found = (Nf4(backend=backend, skip=("lm_head",)).quantize(model) for model in (exact, halved))
        assert found.precision == torch.float32
        # in bfloat16 they would differ by a hundredth
        torch.testing.assert_close(outputs_and_gradient(found)[0], outputs_and_gradient(wanted)[0])


def test_the_model_given_is_left_as_found_and_the_new_one_differs():
    model = TinyEncoder().load(LABELS, "cpu")
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    quantized = Nf4().quantize(model)
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, before[name])
    batch = model.collate([model.encode(each) for each in EXAMPLES])
    with model.active(), quantized.active():
        assert not torch.allclose(model.outputs(batch), quantized.outputs(batch))


def test_skipped_layers_keep_their_weights_and_nothing_else_does():
    model = TinyEncoder().load(LABELS, "cpu")
    quantized = Nf4(skip=("head",), backend="fake").quantize(model)
    for name, layer in quantized.network.named_modules():
        if type(layer) is torch.nn.Linear:
            same = torch.equal(layer.weight, model.network.get_submodule(name).weight)
            assert same == ("head" in name), name


def test_a_name_that_skips_nothing_is_refused():
    with pytest.raises(AttrimarkError, match="no linear layer has 'haed' in its name"):
        Nf4(skip=("haed",)).quantize(TinyEncoder().load(LABELS, "cpu"))


def test_flops_do_not_depend_on_the_storage():
    model = TinyEncoder().load(LABELS, "cpu")
    assert Nf4().quantize(model).flops(20) == model.flops(20)


@pytest.mark.parametrize("backend", ["bitsandbytes", "fake"])
@pytest.mark.parametrize(("double_quant", "bits"), [(False, 4.5), (True, 4.127)])
@pytest.mark.parametrize("source", [TinyEncoder(), TinyCausal(shape="gpt2")], ids=str)
def test_a_quantized_model_says_how_every_linear_weight_is_stored(source, backend, double_quant, bits):
    model = source.load(LABELS, "cpu")
    quantized = Fp4(backend=backend, double_quant=double_quant).quantize(model)
    assert not model.packed
    linear = {f"{name}.weight" for name, _ in linear_layers(model.network)}
    assert quantized.packed.keys() == linear
    assert linear < dict(quantized.network.named_parameters()).keys()
    (packing,) = set(quantized.packed.values())
    assert sum(packing) == pytest.approx(bits, abs=5e-4)


def test_gpt2s_transposed_weights_are_quantized_as_those_of_linear_layers():
    model = TinyCausal(shape="gpt2").load(LABELS, "cpu")
    quantized = Nf4(backend="fake").quantize(model)
    name = "transformer.h.0.attn.c_attn"
    weight = model.network.get_submodule(name).weight.detach().T
    assert torch.equal(quantized.network.get_submodule(name).weight, rounded(weight, "nf4", False))
    assert quantized.flops(9) == model.flops(9)


@pytest.mark.parametrize("backend", ["bitsandbytes", "fake"])
def test_what_is_in_four_bits_is_not_rounded_again(backend):
    model = TinyEncoder().load(LABELS, "cpu")
    first = Fp4(skip=("head",), backend=backend).quantize(model)
    both = Nf4(backend=backend).quantize(first)
    added = both.packed.keys() - first.packed.keys()
    assert added == {"head.dense.weight", "head.out_proj.weight"}
    before = first.network.state_dict()
    same = [
        name for name, value in both.network.state_dict().items() if name in before and torch.equal(value, before[name])
    ]
    assert before.keys() - set(same) == added
    with pytest.raises(Unsupported, match="in four bits already"):
        Nf4(backend=backend).quantize(both)


def test_quantizing_draws_nothing():
    state = torch.random.get_rng_state()
    Nf4().quantize(TinyEncoder().load(LABELS, "cpu"))
    assert torch.equal(torch.random.get_rng_state(), state)


def outputs_and_gradient(model):
    with model.active():
        batch = model.collate([model.encode(each) for each in EXAMPLES])
        embeddings = model.embed(batch).detach().requires_grad_(True)
        outputs = model.outputs(batch, embeddings)
        (gradient,) = torch.autograd.grad(outputs[:, 0].sum(), embeddings)
    return outputs.detach(), gradient
