"""CamemBERT from a hub or a folder, and its tiny stand-in, pre-trained here."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.models import camembert_tiny
from attrimark_plugins.models.camembert import WEIGHTS, Camembert
from attrimark_plugins.models.camembert_tiny import CamembertTiny
from attrimark_plugins.models.shared.loading import quiet
from attrimark_plugins.models.shared.masked_language_modelling import bags_of_words, pretrain
from attrimark_plugins.models.shared.tiny_tokenizers import unigram
from attrimark_plugins.strategies.frozen import Frozen
from attrimark_plugins.strategies.full import Full
from attrimark_registry import OPERATORS, AttrimarkError, Example, Splits
from attrimark_registry.assets import Reference
from torch.testing import assert_close

LABELS = ("information", "opinion")
SMALL: dict[str, Any] = {"layers": 1, "width": 16, "heads": 2, "texts": 64, "epochs": 1}
TEXTS = ["le maire dénonce la taxe", "la taxe", "le journal publie la loi, la loi"]


def masked_network(layers: int = 2) -> tuple[Any, Any]:
    """A random network with CamemBERT's own head, as the hub's checkpoint has it, and its tokenizer."""
    tokenizer = unigram(TEXTS, 64)
    config = transformers.CamembertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=66,
        type_vocab_size=1,
        initializer_range=0.2,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return transformers.CamembertForMaskedLM(config).eval(), tokenizer


def save(folder: Path, network: Any, tokenizer: Any) -> str:
    with quiet():
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return f"path:{folder}"


def weights(model: Any) -> dict[str, torch.Tensor]:
    return model.network.state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# From a hub or a folder


def test_the_encoder_is_the_saved_one_and_its_language_modelling_head_is_left_behind(tmp_path: Path) -> None:
    network, tokenizer = masked_network()
    model = Camembert(reference=save(tmp_path, network, tokenizer)).load(LABELS, "cpu")
    assert model.labels == LABELS
    row = model.encode(Example("a", ("le maire, la taxe",)))
    batch = model.collate([row])
    with torch.no_grad():
        expected = network.roberta(input_ids=batch.input_ids).last_hidden_state[:, 0]
        pooled = model.network.pool(batch.input_ids, None, batch.attention_mask, batch.position_ids)
        assert_close(pooled, expected)
        assert_close(model.outputs(batch), model.network.head(expected))
    assert {parameter.dtype for parameter in model.network.parameters()} == {torch.float32}


def test_the_untrained_head_is_the_same_each_time_and_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    source = Camembert(reference=save(tmp_path, *masked_network()))
    state = torch.random.get_rng_state()
    assert same(weights(source.load(LABELS, "cpu")), weights(source.load(LABELS, "cpu")))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not source.trained


def test_the_default_is_a_pinned_revision() -> None:
    reference = Reference.parse(WEIGHTS)
    assert (reference.scheme, reference.name, len(reference.version)) == ("hf", "almanach/camembert-base", 40)
    assert Camembert().reference == WEIGHTS


def test_without_the_hub_the_message_names_both_remedies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ATTRIMARK_OFFLINE", "1")
    missing = f"hf:almanach/camembert-base@{'0' * 40}"
    with pytest.raises(AttrimarkError, match=r"fetch it once with a network, or refer to a copy .* path:DIRECTORY"):
        Camembert(reference=missing).load(LABELS, "cpu")


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    network, tokenizer = masked_network()
    reference = save(tmp_path, network, tokenizer)
    (tmp_path / "model.safetensors").unlink()
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(AttrimarkError, match=r"could not be loaded as an encoder.*safetensors"):
        Camembert(reference=reference).load(LABELS, "cpu")


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path) -> None:
    reference = save(tmp_path, *masked_network(layers=2))
    short, _ = masked_network(layers=1)
    short.config.num_hidden_layers = 2
    with quiet():
        short.save_pretrained(tmp_path)
    with pytest.raises(AttrimarkError, match=r"lacks trained weights for .*layer\.1"):
        Camembert(reference=reference).load(LABELS, "cpu")


def test_a_folders_fingerprint_follows_its_weights(tmp_path: Path) -> None:
    network, tokenizer = masked_network()
    source = Camembert(reference=save(tmp_path, network, tokenizer))
    before = source.fingerprint()
    assert before == source.fingerprint()
    with torch.no_grad():
        next(network.parameters())[5] += 1
    save(tmp_path, network, tokenizer)
    assert source.fingerprint() != before
    assert Camembert().fingerprint() == Camembert().digest


# Pre-trained here


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("ATTRIMARK_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def splits() -> Splits:
    return Planted(language="french", train=2000, validation=0, test=200).load()


@pytest.fixture(scope="module")
def small() -> Any:
    return CamembertTiny(**SMALL).load(LABELS, "cpu")


@pytest.fixture(scope="module")
def tiny() -> Any:
    return CamembertTiny().load(LABELS, "cpu")


def accuracy(model: Any, splits: Splits) -> float:
    predicted = model.predict([model.encode(example) for example in splits.test])
    return float(np.mean([LABELS[best] == each.label for best, each in zip(predicted, splits.test, strict=True)]))


@pytest.mark.long
def test_the_pre_trained_first_token_tells_the_label(tiny: Any, splits: Splits) -> None:
    frozen = Frozen(epochs=20).fine_tune(tiny, splits.train, [0, 1])
    assert min(accuracy(model, splits) for model in frozen) > 0.85
    assert not same(*map(weights, frozen))


@pytest.mark.long
def test_a_short_fine_tuning_does_better(tiny: Any, splits: Splits) -> None:
    (full,) = Full(epochs=2, learning_rate=1e-3, batch_size=32).fine_tune(tiny, splits.train[:1000], [0])
    assert accuracy(full, splits) > 0.93


@pytest.mark.long
def test_it_is_small_and_of_camemberts_shape(tiny: Any) -> None:
    assert sum(parameter.numel() for parameter in tiny.network.parameters()) < 300_000
    assert tiny.network.config.model_type == "camembert"
    assert tiny.network.config.hidden_dropout_prob == transformers.CamembertConfig().hidden_dropout_prob
    config, tokenizer = tiny.network.config, tiny.tokenizer
    for name in ("bos_token_id", "pad_token_id", "eos_token_id"):
        assert getattr(config, name) == getattr(tokenizer, name)
    row = tiny.encode(Example("a", ("Le maire dénonce la taxe.",)))
    assert row.positions.tolist() == list(range(2, 2 + len(row)))  # from after the padding id
    assert [tiny.tokenizer.convert_ids_to_tokens(int(row.ids[place])) for place in (0, -1)] == ["<s>", "</s>"]
    assert np.bincount(row.feature_of[row.feature_of >= 0]).tolist() == [1, 1, 1, 1, 2]


@pytest.mark.long
def test_the_saved_tokenizer_is_the_one_that_was_trained_with(tiny: Any, splits: Splits) -> None:
    texts = [example.text for example in splits.test]
    learned = unigram(
        [e.text for e in Planted(language="french", train=2000, validation=0, test=0, seed=2_000_000).load().train],
        128,
        1000,
    )
    assert tiny.tokenizer(texts)["input_ids"] == learned(texts)["input_ids"]
    assert tiny.longest == 128


def test_every_removal_operator_works(small: Any, splits: Splits) -> None:
    row = small.encode(splits.test[0])
    assert small.operators == OPERATORS
    for operator in OPERATORS:
        removed = small.remove(row, np.arange(len(row.features)) % 2 == 0, operator)
        with torch.no_grad():
            assert small.outputs(small.collate([removed])).isfinite().all()


def test_it_is_trained_once_and_kept(cache: Path, small: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "attrimark.models")
    again = CamembertTiny(**SMALL).load(LABELS, "cpu")
    assert same(weights(again), weights(small))
    assert not caplog.records
    other = CamembertTiny(**SMALL, seed=1).load(LABELS, "cpu")
    assert [record.message for record in caplog.records] == [f"pre-training {CamembertTiny(**SMALL, seed=1)}, once"]
    assert not same(weights(other), weights(small))
    assert not list(cache.rglob("*.bin"))


def test_weights_follow_the_options_whatever_the_threads_and_the_global_generator(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTRIMARK_CACHE", str(tmp_path))
    threads, used = torch.get_num_threads(), set()

    def counted(*given: Any) -> None:
        used.add(torch.get_num_threads())
        pretrain(*given)

    monkeypatch.setattr(camembert_tiny, "pretrain", counted)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12345)
        state = torch.random.get_rng_state()
        torch.set_num_threads(2)
        try:
            again = CamembertTiny(**SMALL).load(LABELS, "cpu")
            assert torch.get_num_threads() == 2
        finally:
            torch.set_num_threads(threads)
        assert torch.equal(torch.random.get_rng_state(), state)
    assert used == {1}  # so that sums are taken in one order
    with torch.no_grad():
        batch = small.collate([small.encode(Example("a", ("le maire, la taxe",)))])
        assert_close(again.outputs(batch), small.outputs(batch), atol=1e-3, rtol=0)


def test_the_fingerprint_is_the_recipe_s_and_other_weights_have_another_hash(
    small: Any, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = CamembertTiny(**SMALL)
    assert source.fingerprint() == CamembertTiny(**SMALL).fingerprint()
    assert source.fingerprint() != CamembertTiny(**SMALL, seed=1).fingerprint()
    # the same options on a machine that rounds otherwise
    here, recipe = source.weights(), source.fingerprint()
    monkeypatch.setenv("ATTRIMARK_CACHE", str(tmp_path))
    monkeypatch.setattr("attrimark_plugins.models.camembert_tiny._SPREAD", 0.06)
    assert source.weights() != here
    assert source.fingerprint() == recipe


def test_an_altered_copy_is_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    monkeypatch.setenv("ATTRIMARK_CACHE", str(tmp_path))
    source = CamembertTiny(**SMALL)
    source.folder()
    (config,) = tmp_path.rglob("config.json")
    content = config.read_text()
    config.write_text(content + " ")
    source.load(LABELS, "cpu")
    assert config.read_text() == content
    assert "was altered (config.json): it is made again" in caplog.text


def test_a_width_that_the_heads_cannot_share_is_refused() -> None:
    with pytest.raises(ValueError, match="width 30 cannot be divided among 4 heads"):
        CamembertTiny(width=30)


def test_bags_hold_each_word_once_weighted_by_how_few_texts_have_it() -> None:
    ids = torch.tensor([[0, 5, 6, 5, 2], [0, 5, 7, 2, 1]])
    words = (ids != 0) & (ids != 2) & (ids != 1)
    bags = bags_of_words(ids, words, 8)
    slow = torch.zeros(2, 8)
    for place, text in enumerate(({5, 6}, {5, 7})):
        for word in text:
            slow[place, word] = 1 / (sum(word in other for other in ({5, 6}, {5, 7})) / 2)
        slow[place] /= slow[place].sum()
    assert_close(bags, slow)
    assert_close(bags[0, 5:], torch.tensor([1 / 3, 2 / 3, 0.0]))


def test_pre_training_teaches_the_first_token_its_words_and_the_masks_their_neighbours() -> None:
    network, tokenizer = masked_network(layers=1)
    encoding = tokenizer(TEXTS, padding=True, return_tensors="pt", return_special_tokens_mask=True)
    bags = bags_of_words(encoding["input_ids"], encoding["special_tokens_mask"] == 0, len(tokenizer))
    masked = tokenizer("le maire <mask> la taxe", return_tensors="pt")["input_ids"]
    place = masked[0].tolist().index(tokenizer.mask_token_id)
    (wanted,) = tokenizer.convert_tokens_to_ids(tokenizer.tokenize("dénonce"))[:1]

    def losses() -> tuple[float, float]:
        with torch.no_grad():
            states = network.roberta(
                input_ids=encoding["input_ids"], attention_mask=encoding["attention_mask"]
            ).last_hidden_state
            named = torch.nn.functional.cross_entropy(states[:, 0] @ network.get_input_embeddings().weight.T, bags)
            guessed = -network(input_ids=masked).logits[0, place].log_softmax(-1)[wanted]
            return float(named), float(guessed)

    before = losses()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pretrain(network, tokenizer, TEXTS, epochs=60, learning_rate=1e-2, batch_size=3)
    after = losses()
    entropy = float(-torch.special.xlogy(bags, bags).sum(1).mean())
    assert before[0] > entropy + 1 > after[0] > entropy
    assert after[1] < before[1]
    assert not any(module.training for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())
