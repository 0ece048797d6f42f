"""Mistral in the small: a saved network of its shape, read as the large one is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from attrimark_plugins.methods.integrated_gradients import IntegratedGradients
from attrimark_plugins.methods.shared.value_gradient import value_gradient
from attrimark_plugins.models.mistral import WEIGHTS, Mistral
from attrimark_plugins.models.shared.loading import quiet
from attrimark_plugins.models.shared.prompts import SENTIMENT_PROMPT
from attrimark_plugins.models.tiny import TinyCausal
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_registry import AttrimarkError, Encoded, Example, Model, PromptClassifier
from attrimark_registry.assets import Reference

LABELS = ("negative", "positive")
EXAMPLES = [Example("a", ("a gorgeous, witty film",)), Example("b", ("dull",))]
TEMPLATE = "{{ bos_token }}{% for m in messages %}[INST] {{ m['content'] }} [/INST]{% endfor %}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random network of Mistral's shape, saved in bfloat16 as the hub's is."""
    folder = tmp_path_factory.mktemp("mistral")
    tiny = TinyCausal(shape="mistral", positions=256).load(LABELS, "cpu")
    tiny.tokenizer.chat_template = TEMPLATE
    with quiet():
        tiny.network.to(torch.bfloat16).save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    return folder


def load(folder: Path, **options: object) -> PromptClassifier:
    return Mistral(reference=f"path:{folder}", **options).load(LABELS, "cpu")  # pyright: ignore[reportArgumentType]


def aimed(model: Model) -> list[Encoded]:
    with model.active():
        return model.decide([model.encode(example) for example in EXAMPLES], "positive")


def outputs(model: Model) -> torch.Tensor:
    with model.active(), torch.no_grad():
        return model.outputs(model.collate([model.encode(example) for example in EXAMPLES]))


def test_the_weights_are_pinned_to_a_revision() -> None:
    assert Reference.parse(WEIGHTS).name == "mistralai/Mistral-7B-Instruct-v0.2"
    assert Mistral().prompt == SENTIMENT_PROMPT
    assert Mistral.assets == (WEIGHTS,)


def test_without_the_hub_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATTRIMARK_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        AttrimarkError, match="fetch it once with a network, or refer to a copy on this machine as path"
    ):
        Mistral().load(LABELS, "cpu")


def test_the_prompt_is_videneevas_word_for_word(folder: Path) -> None:
    model = load(folder)
    row = model.encode(EXAMPLES[0])
    assert model.tokenizer.decode(row.ids, skip_special_tokens=True) == (
        "Classify the following sentence as either positive or negative: a gorgeous, witty film. "
        "Reply only 'positive' or 'negative'. The sentence is"
    )
    assert [feature.text for feature in row.features] == ["a", "gorgeous,", "witty", "film"]


def test_in_a_chat_answers_are_written_after_the_template(folder: Path) -> None:
    model = load(folder, chat=True)
    row = model.encode(EXAMPLES[0])
    written = model.tokenizer.decode([*row.ids, *model.prompt.continuation(model.answers["positive"])])
    assert written.startswith("<s> [INST] Classify the following sentence")
    assert written.endswith("The sentence is [/INST] positive")
    assert list(row.ids).count(model.tokenizer.bos_token_id) == 1


def test_in_bfloat16_only_hidden_linear_layers_are_rounded(folder: Path) -> None:
    half, whole = load(folder), load(folder, dtype="float32")
    linear = {
        f"{name}.weight"
        for name, module in half.network.named_modules()
        if isinstance(module, torch.nn.Linear) and name != "lm_head"
    }
    halved = {name for name, weight in half.network.named_parameters() if weight.dtype == torch.bfloat16}
    assert halved == linear
    for name, weight in half.network.named_parameters():
        assert torch.equal(weight.float(), whole.network.get_parameter(name))
    assert outputs(half).dtype == torch.float64
    torch.testing.assert_close(outputs(half), outputs(whole), atol=0.2, rtol=0)
    assert not torch.equal(outputs(half), outputs(whole))


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_gradients_come_in_float32(folder: Path, dtype: str) -> None:
    model = load(folder, dtype=dtype)
    batch = model.collate(aimed(model))
    with model.active():
        gradient = value_gradient(model, batch, model.embed(batch), "log-odds")
    assert gradient.dtype == torch.float32
    assert gradient.abs().max() > 0


@pytest.mark.parametrize("double_quant", [False, True])
def test_in_four_bits_both_precisions_answer_alike_and_nothing_is_left_in_bfloat16(
    folder: Path, double_quant: bool
) -> None:
    found = []
    for dtype in ("bfloat16", "float32"):
        model = Nf4(double_quant=double_quant, skip=("lm_head",)).quantize(load(folder, dtype=dtype))
        assert torch.bfloat16 not in {weight.dtype for weight in model.network.parameters()}
        found.append(outputs(model))
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_integrated_gradients_over_four_bits_are_complete(folder: Path, dtype: str) -> None:
    model = Nf4(double_quant=True, skip=("lm_head",)).quantize(load(folder, dtype=dtype))
    batch = model.collate(aimed(model))
    with model.active():
        rngs = [np.random.default_rng(0) for _ in EXAMPLES]
        scores = IntegratedGradients(steps=100, reference="mean").attribute(model, batch, rngs)
    assert (scores.diagnostics["completeness_gap_relative"] <= 1e-3).all()


def test_a_copy_is_identified_by_its_content(folder: Path, tmp_path: Path) -> None:
    here = Mistral(reference=f"path:{folder}")
    assert here.fingerprint() != here.digest
    assert Mistral().fingerprint() == Mistral().digest
    with pytest.raises(AttrimarkError, match="empty folder"):
        load(tmp_path)


def test_named_with_its_base_it_knows_what_it_was_fine_tuned_from(folder: Path):
    alone, same = Mistral(reference=f"path:{folder}"), Mistral(reference=f"path:{folder}", base=f"path:{folder}")
    assert not alone.knows_pretrained
    assert same.knows_pretrained
    assert same.fingerprint() != alone.fingerprint()
    origin = same.load(LABELS, "cpu").require_pretrained()
    assert origin.network.model.layers[0].mlp.up_proj.weight.dtype == torch.bfloat16
