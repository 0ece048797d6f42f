"""Real weights, and saved ones: what is loaded is what was saved, and nothing is made up."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from attrimark_plugins.metrics.tuco import TuningContribution
from attrimark_plugins.models.hub_causal import HubCausal
from attrimark_plugins.models.hub_classifier import HubClassifier
from attrimark_plugins.models.minilm import Minilm
from attrimark_plugins.models.shared.loading import quiet
from attrimark_plugins.models.smollm2 import WEIGHTS, Smollm2, _no_bar
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_plugins.strategies.scaled import Scaled
from attrimark_registry import AttrimarkError, Example, Unsupported, fetch

LABELS = ("negative", "positive")
EXAMPLE = Example("a", ("A gorgeous, witty and quietly moving film.",), "positive")


def config(kind: type, words: int, **options: object) -> transformers.PretrainedConfig:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return kind(vocab_size=words, pad_token_id=0, initializer_range=0.2, **{**sizes, **options})


def save(folder: Path, kind: type, tokenizer: Any, config: transformers.PretrainedConfig, seed: int = 0) -> str:
    """A reference to a random network and a tokenizer, saved."""
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(seed)
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
def encoder(tmp_path: Path) -> Callable[..., str]:
    """Saves a BERT as it is pre-trained, other than the classifier in all its weights."""

    def saved(kind: type = transformers.BertForMaskedLM, words: tuple[str, ...] = (), **sizes: object) -> str:
        tokenizer = TinyEncoder().load(LABELS, "cpu").tokenizer
        tokenizer.add_tokens(list(words))
        named = config(transformers.BertConfig, len(tokenizer), **sizes)
        return save(tmp_path / "encoder", kind, tokenizer, named, seed=1)

    return saved


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


@pytest.mark.parametrize("kind", [transformers.BertForMaskedLM, transformers.BertModel])
def test_a_saved_classifier_names_the_encoder_that_it_was_fine_tuned_from(
    kind: type, classifier: str, encoder: Callable[..., str]
) -> None:
    """One is saved without a pooler, and the other with one, which is passed over."""
    base = encoder(kind)
    alone, source = HubClassifier(reference=classifier), HubClassifier(reference=classifier, base=base)
    assert source.knows_pretrained
    assert not alone.knows_pretrained
    assert source.fingerprint() != alone.fingerprint()
    model, plain = source.load(LABELS, "cpu"), alone.load(LABELS, "cpu")
    torch.testing.assert_close(outputs(model), outputs(plain))
    origin = model.require_pretrained()
    with quiet():
        wanted = transformers.BertModel.from_pretrained(base.removeprefix("path:"), add_pooling_layer=False).eval()
    for name, weight in wanted.state_dict().items():
        assert torch.equal(weight, origin.network.bert.state_dict()[name]), name
    # with the fine-tuned pooler and classifier, in the order of the dataset's labels
    batch = model.collate([model.encode(EXAMPLE)])
    with torch.no_grad(), model.active():
        states = wanted(batch.input_ids, batch.attention_mask).last_hidden_state
        decided = plain.network.classifier(plain.network.bert.pooler(states))
    torch.testing.assert_close(outputs(origin), decided)
    assert (TuningContribution().measure(model, [EXAMPLE]).values > 0.1).all()
    (unscaled,) = Scaled(alpha=1.0).fine_tune(model, [], [0])
    torch.testing.assert_close(outputs(unscaled), outputs(model))


def test_a_classifier_beside_itself_was_not_fine_tuned(classifier: str) -> None:
    model = HubClassifier(reference=classifier, base=classifier).load(LABELS, "cpu")
    # equal weights may be multiplied in another order where they lie otherwise in memory
    assert TuningContribution().measure(model, [EXAMPLE]).values.max() < 1e-5
    torch.testing.assert_close(outputs(model.pretrained), outputs(model))
    mine, theirs = (dict(each.network.named_parameters()) for each in (model, model.require_pretrained()))
    assert all(torch.equal(weight, theirs[name]) for name, weight in mine.items())
    assert not {weight.data_ptr() for weight in mine.values()} & {weight.data_ptr() for weight in theirs.values()}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"num_hidden_layers": 3}, "2 blocks and the one it is said to come from has 3"),
        ({"hidden_size": 16}, "32 dimensions and the one it is said to come from has 16"),
        ({"words": ("unheard",)}, "'unheard' is .* before fine-tuning and is missing after it"),
    ],
)
def test_an_encoder_of_another_shape_is_no_origin(
    options: dict, reason: str, classifier: str, encoder: Callable[..., str]
) -> None:
    with pytest.raises(Unsupported, match=reason):
        HubClassifier(reference=classifier, base=encoder(**options)).load(LABELS, "cpu")


def test_an_encoder_of_another_kind_is_no_origin(classifier: str, tmp_path: Path) -> None:
    tokenizer = TinyEncoder().load(LABELS, "cpu").tokenizer
    other = config(transformers.ElectraConfig, len(tokenizer), embedding_size=32)
    base = save(tmp_path / "electra", transformers.ElectraModel, tokenizer, other)
    with pytest.raises(Unsupported, match="of the class BertModel and the one it is said to come from is not: Electra"):
        HubClassifier(reference=classifier, base=base).load(LABELS, "cpu")


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
    torch.testing.assert_close(outputs(one), outputs(two))
    assert one.longest == 512
    assert sum(parameter.numel() for parameter in one.network.parameters()) == 22_713_986


@pytest.mark.assets
def test_minilm_reads_a_text_alone_as_it_does_beside_a_longer_one() -> None:
    model = Minilm().load(LABELS, "cpu")
    rows = [model.encode(EXAMPLE), model.encode(Example("b", ("word " * 30,)))]
    with torch.no_grad(), model.active():
        torch.testing.assert_close(model.outputs(model.collate(rows))[:1], outputs(model), atol=1e-4, rtol=0)


@pytest.mark.long
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
        logits, theirs = (network(batch.input_ids).logits for network in (model.network, published.eval()))
    torch.testing.assert_close(logits, theirs, atol=1e-4, rtol=1e-5)


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
    asked = Smollm2(chat=True, system="Be kind.").load(LABELS, "cpu")
    assert asked.prompt.pieces[0].startswith("<|im_start|>system\nBe kind.<|im_end|>")


@pytest.mark.assets
def test_loading_says_nothing(capfd: pytest.CaptureFixture) -> None:
    bars = os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS")
    Minilm().load(LABELS, "cpu")
    Smollm2().load(LABELS, "cpu")
    assert capfd.readouterr() == ("", "")
    assert os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS") == bars
