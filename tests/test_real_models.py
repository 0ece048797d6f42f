"""Real weights, and saved ones: what is loaded is what was saved, and nothing is made up."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from attrimark_plugins.models.hub import HubClassifier, quiet
from attrimark_plugins.models.hub_causal import HubCausal
from attrimark_plugins.models.minilm import Minilm
from attrimark_plugins.models.smollm2 import WEIGHTS, Smollm2, _no_bar
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_registry import AttrimarkError, Example, fetch

LABELS = ("negative", "positive")
EXAMPLE = Example("a", ("A gorgeous, witty and quietly moving film.",), "positive")


def config(kind: type, words: int, **options: object) -> transformers.PretrainedConfig:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return kind(vocab_size=words, pad_token_id=0, initializer_range=0.2, **sizes, **options)


def save(folder: Path, kind: type, tokenizer: Any, config: transformers.PretrainedConfig) -> str:
    """A reference to a random network and a tokenizer, saved."""
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return f"path:{folder}"


@pytest.fixture
def classifier(tmp_path: Path) -> str:
    """A saved BERT classifier whose outputs are in the other order than LABELS."""
    tokenizer = TinyEncoder().load(LABELS, "cpu").tokenizer
    named = config(transformers.BertConfig, len(tokenizer), id2label={0: "POSITIVE", 1: "NEGATIVE"})
    return save(tmp_path, transformers.BertForSequenceClassification, tokenizer, named)


@pytest.fixture
def causal(tmp_path: Path) -> str:
    tokenizer = TinyCausal().load(LABELS, "cpu").tokenizer
    return save(tmp_path, transformers.LlamaForCausalLM, tokenizer, config(transformers.LlamaConfig, len(tokenizer)))


def outputs(model) -> torch.Tensor:
    with torch.no_grad(), model.active():
        return model.outputs(model.collate([model.encode(EXAMPLE)]))


def test_a_saved_classifier_answers_in_the_order_of_the_datasets_labels(classifier: str) -> None:
    same, other = (HubClassifier(reference=classifier).load(labels, "cpu") for labels in (LABELS[::-1], LABELS))
    assert other.labels == LABELS
    assert other.network.config.id2label == dict(enumerate(LABELS))  # pyright: ignore[reportAttributeAccessIssue]
    torch.testing.assert_close(outputs(other), outputs(same).flip(-1))
    assert {parameter.dtype for parameter in other.network.parameters()} == {torch.float32}


def test_label_map_translates_the_datasets_labels(classifier: str) -> None:
    plain = HubClassifier(reference=classifier).load(LABELS, "cpu")
    translated = HubClassifier(reference=classifier, label_map={"bad": "NEGATIVE", "good": "POSITIVE"})
    torch.testing.assert_close(outputs(translated.load(("bad", "good"), "cpu")), outputs(plain))


@pytest.mark.parametrize("labels", [("bad", "good"), ("negative", "neutral", "positive"), ("positive",)])
def test_other_labels_are_refused_with_both_sides_named(classifier: str, labels: tuple[str, ...]) -> None:
    with pytest.raises(AttrimarkError, match=r"between POSITIVE, NEGATIVE and the dataset between .*label_map"):
        HubClassifier(reference=classifier).load(labels, "cpu")


def test_a_head_that_was_never_trained_is_refused(tmp_path: Path) -> None:
    tokenizer = TinyEncoder().load(LABELS, "cpu").tokenizer
    reference = save(tmp_path, transformers.BertModel, tokenizer, config(transformers.BertConfig, len(tokenizer)))
    with pytest.raises(AttrimarkError, match=r"lacks trained weights for classifier\.bias.*BertModel"):
        HubClassifier(reference=reference).load(LABELS, "cpu")


def test_pickled_weights_are_refused(classifier: str) -> None:
    folder = Path(classifier.removeprefix("path:"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(AttrimarkError, match="no safetensors"):
        HubClassifier(reference=classifier).load(LABELS, "cpu")


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_directory_is_named(classifier: str, broken: str) -> None:
    (Path(classifier.removeprefix("path:")) / broken).write_text("{")
    with pytest.raises(AttrimarkError, match="could not be loaded"):
        HubClassifier(reference=classifier).load(LABELS, "cpu")


def test_code_that_comes_with_a_model_is_not_run(classifier: str) -> None:
    folder = Path(classifier.removeprefix("path:"))
    (folder / "own.py").write_text("raise SystemExit('run')")
    text = (folder / "config.json").read_text().replace('"bert"', '"own"')
    auto = '"auto_map": {"AutoConfig": "own.C", "AutoModelForSequenceClassification": "own.M"},'
    (folder / "config.json").write_text(text.replace("{", "{" + auto, 1))
    with pytest.raises(AttrimarkError, match="could not be loaded"):
        HubClassifier(reference=classifier).load(LABELS, "cpu")


def test_a_saved_causal_model_is_the_one_that_was_saved(causal: str) -> None:
    folder = Path(causal.removeprefix("path:"))
    model = HubCausal(reference=causal, prompt="Text: {text}\nLabel:").load(LABELS, "cpu")
    with quiet():
        saved = transformers.AutoModelForCausalLM.from_pretrained(folder)
    for one, other in zip(model.network.parameters(), saved.parameters(), strict=True):
        assert torch.equal(one, other)
    assert outputs(model).shape == (1, 2)


def test_the_fingerprint_of_a_path_follows_its_weights(classifier: str) -> None:
    source = HubClassifier(reference=classifier)
    before = source.fingerprint()
    assert before == source.fingerprint()
    weights = Path(classifier.removeprefix("path:")) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert source.fingerprint() != before


def test_the_fingerprint_of_a_revision_is_its_options() -> None:
    source = HubClassifier(reference="hf:owner/name@" + "0" * 40)
    assert source.fingerprint() == source.digest


@pytest.mark.assets
def test_minilm_is_the_same_each_time_and_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    one, two = (Minilm().load(LABELS, "cpu") for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(outputs(one), outputs(two))
    assert one.longest == 512
    assert sum(parameter.numel() for parameter in one.network.parameters()) == 22_713_986


@pytest.mark.assets
def test_minilm_reads_a_text_alone_as_it_does_beside_a_longer_one() -> None:
    model = Minilm().load(LABELS, "cpu")
    rows = [model.encode(EXAMPLE), model.encode(Example("b", ("word " * 30,)))]
    with torch.no_grad(), model.active():
        torch.testing.assert_close(model.outputs(model.collate(rows))[:1], outputs(model), atol=1e-4, rtol=0)


@pytest.mark.assets
def test_smollm2_written_out_is_smollm2_as_published() -> None:
    model = Smollm2().load(LABELS, "cpu")
    gguf = fetch(WEIGHTS)
    with quiet(), _no_bar():
        published = transformers.AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32
        )
    batch = model.collate([model.encode(EXAMPLE)])
    with torch.no_grad(), model.active():
        assert torch.equal(model.network(batch.input_ids).logits, published.eval()(batch.input_ids).logits)


@pytest.mark.assets
def test_smollm2_tells_praise_from_blame() -> None:
    model = Smollm2().load(LABELS, "cpu")
    texts = [
        "A wonderful, moving film",
        "I loved every minute of it",
        "A dull, stupid mess",
        "The worst film I ever saw",
    ]
    with model.active():
        rows = [model.encode(Example(str(place), (text,))) for place, text in enumerate(texts)]
        scores = model.outputs(model.collate(rows)).detach()
    margin = scores[:, 1] - scores[:, 0]
    assert margin[:2].min() > margin[2:].max()


@pytest.mark.assets
def test_smollm2_has_a_chat_template() -> None:
    model = Smollm2(chat=True).load(LABELS, "cpu")
    assert model.prompt.pieces[0].startswith("<|im_start|>")


@pytest.mark.assets
def test_loading_says_nothing(capfd: pytest.CaptureFixture) -> None:
    bars = os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS")
    Minilm().load(LABELS, "cpu")
    Smollm2().load(LABELS, "cpu")
    assert capfd.readouterr() == ("", "")
    assert os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS") == bars
