"""Saved models as people have them: each folder loads as what it is, or is refused with the cause and the remedy."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from attrimark.api.evaluate import wrap
from attrimark.cli import main
from attrimark_plugins.models.hub_causal import HubCausal
from attrimark_plugins.models.hub_classifier import HubClassifier
from attrimark_plugins.models.hub_writer import HubWriter
from attrimark_plugins.models.shared import content
from attrimark_plugins.models.shared.loading import quiet
from attrimark_plugins.models.shared.output_layer import output_layers, reorder
from attrimark_registry import AttrimarkError, Classifier, Unsupported
from attrimark_registry.vocabulary import require_vocabulary
from safetensors.torch import load_file, save_file

from tests.references.architectures import LABELS, build

TEXT = "a gorgeous film"
TURNED = LABELS[::-1]
WEIGHTS = "model.safetensors"

# of peft, which asks the network for a property that transformers has renamed
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")


def save(folder: Path, name: str = "bert", kind: Any = "classification", words: bool = True, seed: int = 0) -> Path:
    """A tiny random network, which decides between LABELS if it classifies, in a folder."""
    network, tokenizer = build(name, kind, seed)
    if kind == "classification":
        network.config.id2label = dict(enumerate(LABELS))
        network.config.label2id = {label: index for index, label in enumerate(LABELS)}
    with quiet():
        network.save_pretrained(folder)
    if words:
        tokenizer.save_pretrained(folder)
    return folder


def classifier(folder: Path, labels: tuple[str, ...] = LABELS, **options: Any) -> Classifier:
    return HubClassifier(reference=f"path:{folder}", **options).load(labels, "cpu")


def logits(model: Any) -> torch.Tensor:
    """Of the network called plainly."""
    with torch.no_grad():
        return model.network(**model.tokenizer(TEXT, return_tensors="pt")).logits


def refused(folder: Path, match: str, **options: Any) -> None:
    with pytest.raises(AttrimarkError, match=match):
        classifier(folder, **options)


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    return save(tmp_path / "bert")


# Tokenizers


@pytest.mark.parametrize("name", ["bert", "gpt2", "roberta", "t5", "llama", "xlnet"])
def test_a_folder_without_tokenizer_files_is_refused(name: str, tmp_path: Path) -> None:
    refused(save(tmp_path, name, words=False), r"no tokenizer files in path:.*tokenizer\.save_pretrained")


@pytest.mark.parametrize("source", [HubCausal, HubWriter])
def test_so_is_a_causal_one(source: Any, tmp_path: Path) -> None:
    folder = save(tmp_path, "llama", "causal", words=False)
    with pytest.raises(AttrimarkError, match="no tokenizer files"):
        source(reference=f"path:{folder}", prompt="{text}").load(LABELS, "cpu")


def test_so_is_a_base(bert: Path, tmp_path: Path) -> None:
    base = save(tmp_path / "base", words=False)
    refused(bert, "no tokenizer files in path:.*base", base=f"path:{base}")


def test_a_tokenizers_configuration_is_no_vocabulary(bert: Path) -> None:
    (bert / "tokenizer.json").unlink()
    assert (bert / "tokenizer_config.json").exists()
    refused(bert, "no tokenizer files")


def test_half_a_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path, "gpt2", words=False)
    (folder / "vocab.json").write_text(json.dumps({"a": 0, "b": 1, "<|endoftext|>": 2}))
    refused(folder, r"no merges\.txt in path:")


def test_an_empty_tokenizer_that_was_saved_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path, words=False)
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    refused(folder, "5 special tokens and no word")


def test_a_tokenizer_of_another_network_is_refused() -> None:
    _, tokenizer = build("bert", "classification")
    foreign = torch.nn.Module()
    foreign.get_input_embeddings = lambda: torch.nn.Embedding(5000, 2)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttrimarkError, match=r"ids up to 93 .* 5000 rows: it was made for another network"):
        require_vocabulary(tokenizer, foreign)


@pytest.mark.parametrize("rows", [94, 128, 1024, 1118])
def test_tables_may_have_spare_rows(rows: int) -> None:
    network, tokenizer = build("bert", "classification")
    network.set_input_embeddings(torch.nn.Embedding(rows, 32))
    require_vocabulary(tokenizer, network)


@pytest.mark.parametrize("name", ["perceiver", "canine"])
def test_networks_without_a_table_of_words_pass(name: str) -> None:
    network, tokenizer = build(name, "classification")
    require_vocabulary(tokenizer, network)


def test_tokens_that_the_table_has_no_row_for_are_refused(bert: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    tokenizer.add_tokens(["unheard"])
    tokenizer.save_pretrained(bert)
    refused(bert, r"path:.*: the tokenizer has ids up to 94 .* 94 rows: call model\.resize_token_embeddings")


def test_so_is_a_network_that_is_passed_with_such_a_tokenizer() -> None:
    network, tokenizer = build("bert", "classification")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<new>"]})
    with pytest.raises(AttrimarkError, match="ids up to 94"):
        wrap(network, tokenizer, None, None)
    network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    wrap(network, tokenizer, None, None)


def test_a_slow_tokenizer_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folder = save(tmp_path, "perceiver", words=False)
    transformers.PerceiverTokenizer().save_pretrained(folder)
    with pytest.raises(Unsupported, match=r"PerceiverTokenizer .* PreTrainedTokenizerFast"):
        classifier(folder)


# Weights


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_weights_of_a_compiled_or_distributed_module_load(name: str, prefix: str, tmp_path: Path) -> None:
    folder = save(tmp_path, name)
    want = logits(classifier(folder))
    weights = load_file(folder / WEIGHTS)
    save_file({prefix + name: weight for name, weight in weights.items()}, folder / WEIGHTS)
    torch.testing.assert_close(logits(classifier(folder)), want)


def test_weights_of_compiled_blocks_load(bert: Path) -> None:
    want = logits(classifier(bert))
    weights = load_file(bert / WEIGHTS)
    save_file({name.replace("layer.0.", "layer.0._orig_mod."): each for name, each in weights.items()}, bert / WEIGHTS)
    torch.testing.assert_close(logits(classifier(bert)), want)


def test_a_weight_under_two_names_is_refused(bert: Path) -> None:
    weights = load_file(bert / WEIGHTS)
    save_file({**weights, "_orig_mod.classifier.bias": weights["classifier.bias"].clone()}, bert / WEIGHTS)
    refused(bert, r"holds classifier\.bias twice")


def test_weights_of_a_module_around_the_network_are_named(bert: Path) -> None:
    weights = load_file(bert / WEIGHTS)
    save_file({f"net.{name}": weight for name, weight in weights.items()}, bert / WEIGHTS)
    refused(bert, r"under other names \(net\..* the module that holds the network was saved")


def test_a_compiled_module_that_lacks_weights_is_refused(bert: Path) -> None:
    weights = load_file(bert / WEIGHTS)
    del weights["classifier.weight"]
    save_file({f"_orig_mod.{name}": weight for name, weight in weights.items()}, bert / WEIGHTS)
    refused(bert, r"lacks trained weights for classifier\.weight")


def sharded(folder: Path) -> Path:
    with quiet():
        transformers.AutoModelForSequenceClassification.from_pretrained(folder).save_pretrained(
            folder, max_shard_size="20KB"
        )
    (folder / WEIGHTS).unlink(missing_ok=True)
    return folder


def test_sharded_weights_load_and_a_missing_shard_is_named(bert: Path) -> None:
    want = logits(classifier(bert))
    torch.testing.assert_close(logits(classifier(sharded(bert))), want)
    first = min(bert.glob("model-*.safetensors"))
    first.unlink()
    refused(bert, f"lacks {first.name}, which its .*index.json names")


@pytest.mark.parametrize("content", [b'{"weight_map": {"a', b"\xff\xfe", b"[1]", b"{}", b'{"weight_map": {}}'])
def test_half_an_index_is_named(bert: Path, content: bytes) -> None:
    (sharded(bert) / "model.safetensors.index.json").write_bytes(content)
    refused(bert, r"its model\.safetensors\.index\.json names no weights, or is damaged or incomplete")


@pytest.mark.parametrize("place", ["../other.safetensors", "/etc/other.safetensors"])
def test_an_index_leads_nowhere_else(bert: Path, place: str) -> None:
    index = sharded(bert) / "model.safetensors.index.json"
    held = json.loads(index.read_text())
    held["weight_map"] = dict.fromkeys(held["weight_map"], place)
    index.write_text(json.dumps(held))
    refused(bert, "other.safetensors, which is not in that folder")


@pytest.mark.parametrize("kept", [0, 5, -10])
def test_a_damaged_file_is_named(bert: Path, kept: int) -> None:
    (bert / WEIGHTS).write_bytes((bert / WEIGHTS).read_bytes()[:kept])
    refused(bert, r"could not be loaded: model\.safetensors is damaged or incomplete")


@pytest.mark.parametrize("file", [WEIGHTS, "tokenizer.json", "config.json"])
def test_a_pointer_of_git_lfs_is_named(bert: Path, file: str) -> None:
    (bert / file).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    refused(bert, f"{file} is a pointer of git-lfs.*git lfs pull")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(bert: Path, value: float) -> None:
    weights = load_file(bert / WEIGHTS)
    weights["classifier.weight"][1, 3] = value
    save_file(weights, bert / WEIGHTS, metadata={"format": "pt"})
    refused(bert, r"path:.*: classifier\.weight holds numbers that are not finite .*: use an earlier checkpoint")


def test_so_are_those_of_an_adapter(bert: Path, tmp_path: Path) -> None:
    folder, _ = adapter(tmp_path / "adapter", bert)
    weights = load_file(folder / "adapter_model.safetensors")
    name = next(name for name in weights if "lora_A" in name)
    weights[name][0, 0] = float("nan")
    save_file(weights, folder / "adapter_model.safetensors")
    refused(folder, rf"path:.*adapter: {name} holds numbers that are not finite")


@pytest.mark.parametrize("name", ["bert", "t5"])
def test_a_network_that_was_saved_to_return_tuples_loads(name: str, tmp_path: Path) -> None:
    folder = save(tmp_path, name)
    want = logits(classifier(folder))
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "return_dict": False}))
    torch.testing.assert_close(logits(classifier(folder)), want)


# Folders


def test_a_folder_of_checkpoints_is_named(bert: Path, tmp_path: Path) -> None:
    for step in (100, 50):
        shutil.copytree(bert, tmp_path / "out" / f"checkpoint-{step}")
    refused(tmp_path / "out", r"folder of checkpoints \(checkpoint-50, checkpoint-100\).* path:.*/out/checkpoint-100$")
    classifier(tmp_path / "out" / "checkpoint-100")


def test_a_trainers_folder_loads_and_its_pickles_are_not_opened(bert: Path) -> None:
    for name in ("optimizer.pt", "rng_state.pth", "scheduler.pt", "training_args.bin"):
        (bert / name).write_bytes(b"no pickle")
    classifier(bert)


def test_pickled_weights_are_named_with_the_conversion(bert: Path) -> None:
    (bert / WEIGHTS).rename(bert / "pytorch_model.bin")
    refused(bert, r"no safetensors weights; pickled ones \(pytorch_model\.bin\) are not loaded: convert")


def test_an_empty_folder_a_missing_one_a_file_and_one_without_a_config_are_refused(bert: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "is an empty folder")
    refused(tmp_path / "missing", "there is nothing at")
    refused(bert / WEIGHTS, "is a file: name the folder")
    (bert / "config.json").unlink()
    refused(bert, r"and no config\.json")


def test_weights_by_another_name_are_named(bert: Path) -> None:
    (bert / WEIGHTS).rename(bert / "mine.safetensors")
    refused(bert, r"holds mine\.safetensors where model\.safetensors is read: rename")


# Adapters


def adapter(folder: Path, base: Path, kind: Any = "classification", words: bool = False) -> tuple[Path, Any]:
    """A LoRA adapter of that base, drawn at random, with a head for three labels if it classifies; and its network."""
    peft = pytest.importorskip("peft")
    causal = kind == "causal"
    auto = transformers.AutoModelForCausalLM if causal else transformers.AutoModelForSequenceClassification
    with quiet():
        network = auto.from_pretrained(base, **({} if causal else {"num_labels": 3, "ignore_mismatched_sizes": True}))
    targets = ["q_proj"] if causal else ["query"]
    settings = peft.LoraConfig(task_type="CAUSAL_LM" if causal else "SEQ_CLS", target_modules=targets, r=2)
    wrapped = peft.get_peft_model(network, settings)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                parameter.normal_(0, 0.5)
    wrapped.save_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    if words:
        tokenizer.save_pretrained(folder)
    with torch.no_grad():
        return folder, wrapped.eval()(**tokenizer(TEXT, return_tensors="pt")).logits


NAMES = {label: f"LABEL_{index}" for index, label in enumerate(LABELS)}


@pytest.mark.parametrize("words", [False, True])
def test_an_adapter_and_its_head_are_merged_into_the_network_it_names(words: bool, tmp_path: Path) -> None:
    network, tokenizer = build("bert", "classification")
    with quiet():
        network.bert.save_pretrained(tmp_path / "base")  # as pre-trained: without a head
    tokenizer.save_pretrained(tmp_path / "base")
    folder, want = adapter(tmp_path / "adapter", tmp_path / "base", words=words)
    model = classifier(folder, label_map=NAMES)
    torch.testing.assert_close(logits(model), want)
    assert not [name for name, _ in model.network.named_parameters() if "lora" in name]
    assert not hasattr(model.network, "peft_config")
    with_base = classifier(folder, label_map=NAMES, base=f"path:{tmp_path / 'base'}")
    assert with_base.pretrained is not None


def test_the_base_option_replaces_the_one_that_an_adapter_names(bert: Path, tmp_path: Path) -> None:
    folder, want = adapter(tmp_path / "adapter", bert)
    bert.rename(tmp_path / "moved")
    refused(folder, r"is an adapter of .*bert, which is no folder here.*base = ")
    with pytest.raises(AttrimarkError, match="is no folder here"):
        HubClassifier(reference=f"path:{folder}").fingerprint()
    model = classifier(folder, base=f"path:{tmp_path / 'moved'}")
    torch.testing.assert_close(logits(model), want)


@pytest.mark.parametrize("source", [HubCausal, HubWriter])
def test_a_causal_adapter_is_merged(source: Any, tmp_path: Path) -> None:
    base = save(tmp_path / "base", "llama", "causal")
    folder, want = adapter(tmp_path / "adapter", base, "causal")
    model = source(reference=f"path:{folder}", prompt="{text}").load(LABELS, "cpu")
    torch.testing.assert_close(logits(model), want)


def test_the_fingerprint_of_an_adapter_follows_its_base(bert: Path, tmp_path: Path) -> None:
    folder, _ = adapter(tmp_path / "adapter", bert)
    source = HubClassifier(reference=f"path:{folder}")
    before = source.fingerprint()
    assert before == source.fingerprint()
    save(bert, seed=1)
    assert source.fingerprint() != before


def test_an_adapter_of_another_network_is_refused(bert: Path, tmp_path: Path) -> None:
    folder, _ = adapter(tmp_path / "adapter", bert)
    other = save(tmp_path / "other", "gpt2")
    refused(folder, "does not fit the network", base=f"path:{other}")


def test_an_adapter_whose_head_was_not_saved_is_refused(bert: Path, tmp_path: Path) -> None:
    folder, _ = adapter(tmp_path / "adapter", bert)
    weights = load_file(folder / "adapter_model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "classifier" not in name}
    save_file(kept, folder / "adapter_model.safetensors")
    refused(folder, r"lacks .*model\.classifier\.bias, .*\.weight in its adapter_model\.safetensors: save .* as base")


def test_an_adapter_s_own_configuration_says_what_its_outputs_are(bert: Path, tmp_path: Path) -> None:
    folder, want = adapter(tmp_path / "adapter", bert)
    assert classifier(folder).head == "softmax"
    settings = json.loads((bert / "config.json").read_text())
    names = {"id2label": {"0": "music", "1": "plot", "2": "cast"}, "label2id": {"music": 0, "plot": 1, "cast": 2}}
    kind = {"problem_type": "multi_label_classification"}
    (folder / "config.json").write_text(json.dumps({**settings, **names, **kind}))
    model = classifier(folder, ())
    assert (model.head, model.labels) == ("sigmoid", ("music", "plot", "cast"))
    torch.testing.assert_close(logits(model), want)


def test_an_adapter_next_to_a_whole_network_is_refused(bert: Path, tmp_path: Path) -> None:
    folder, _ = adapter(tmp_path / "adapter", bert)
    shutil.copy(folder / "adapter_config.json", bert)
    refused(bert, "holds a whole network and an adapter")


def with_added_word(folder: Path, kind: Any, tied: bool = False, saved: bool = True, **options: Any) -> torch.Tensor:
    """Save an adapter of a network whose table got a row for "unheard"; the logits of PeftModel.from_pretrained."""
    peft = pytest.importorskip("peft")
    auto = transformers.AutoModelForCausalLM if kind == "causal" else transformers.AutoModelForSequenceClassification
    base = save(folder / "base", "llama", kind)
    settings = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**settings, "tie_word_embeddings": tied}))
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens(["unheard"])
    tokenizer.save_pretrained(folder / "adapter")

    def resized() -> Any:
        with quiet():
            network = auto.from_pretrained(base)
        network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        return network

    task = "CAUSAL_LM" if kind == "causal" else "SEQ_CLS"
    wrapped = peft.get_peft_model(
        resized(), peft.LoraConfig(**{"task_type": task, "target_modules": ["q_proj"], "r": 2, **options})
    )
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.5)
    wrapped.save_pretrained(folder / "adapter", save_embedding_layers=saved)
    loaded = peft.PeftModel.from_pretrained(resized(), folder / "adapter").eval()
    with torch.no_grad():
        return loaded(**tokenizer("a unheard film", return_tensors="pt")).logits


def answers(folder: Path, kind: Any) -> torch.Tensor:
    """The logits of the adapter in that folder, as it is loaded here."""
    reference = f"path:{folder / 'adapter'}"
    if kind == "causal":
        model: Any = HubCausal(reference=reference, prompt="{text}").load(LABELS, "cpu")
    else:
        model = HubClassifier(reference=reference).load((), "cpu")
    with torch.no_grad():
        return model.network(**model.tokenizer("a unheard film", return_tensors="pt")).logits


EMBEDDED = {"target_modules": ["q_proj", "embed_tokens"]}
WITH_WORDS = [{}, {"modules_to_save": ["embed_tokens"]}, {"trainable_token_indices": [3, 94]}]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of peft: the table was resized, tables are tied
@pytest.mark.parametrize(
    ("kind", "tied", "options"),
    [
        *(("classification", False, options) for options in (*WITH_WORDS, EMBEDDED)),
        *(("causal", False, options) for options in WITH_WORDS),
        *(("causal", True, options) for options in (*WITH_WORDS, EMBEDDED)),
        ("causal", True, {"modules_to_save": ["embed_tokens", "lm_head"]}),
    ],
)
def test_words_that_were_added_with_an_adapter_are_merged_too(
    kind: Any, tied: bool, options: dict[str, Any], tmp_path: Path
) -> None:
    want = with_added_word(tmp_path, kind, tied, **options)
    torch.testing.assert_close(answers(tmp_path, kind), want, atol=1e-5, rtol=1e-4)


def test_tokens_that_were_trained_without_saving_their_table_are_refused(tmp_path: Path) -> None:
    with_added_word(tmp_path, "classification", saved=False, trainable_token_indices=[94])
    with pytest.raises(AttrimarkError, match=r"no row for \(index 94 .*save_embedding_layers=True"):
        answers(tmp_path, "classification")


def test_without_peft_the_extra_is_named(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = adapter(tmp_path / "adapter", bert)
    monkeypatch.setattr("attrimark_plugins.models.shared.saved_adapter.find_spec", lambda name: None)
    refused(folder, r"needs peft: pip install 'attrimark\[adapters\]'")


# Fingerprints


def changes(folder: Path) -> Callable[[], bool]:
    """Whether the fingerprint is another one than when this was called last."""
    source = HubClassifier(reference=f"path:{folder}")
    last = [source.fingerprint()]

    def changed() -> bool:
        last.append(source.fingerprint())
        return last[-1] != last[-2]

    return changed


def test_the_fingerprint_of_a_folder_is_as_it_was(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json", "vocab.txt", "spiece.model", "chat.jinja"):
        (tmp_path / name).write_text(name)
    source = HubClassifier(reference="path:model")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path.parent)
        tmp_path.rename(tmp_path.parent / "model")
        assert source.digest == "a42417f7ab0f836b"
        assert source.fingerprint() == "f8e65b7894f6437b"


def test_it_follows_all_that_numbers_depend_on_and_nothing_else(bert: Path) -> None:
    changed = changes(sharded(bert))
    for name in ("optimizer.pt", "rng_state.pth", "training_args.bin", "README.md"):
        (bert / name).write_text("1")
        assert not changed()
    (bert / "additional_chat_templates").mkdir()
    for name in ("config.json", "vocab.txt", "a.tiktoken", "additional_chat_templates/tool.jinja", "bpe.codes"):
        (bert / name).write_text("1")
        assert changed(), name
    shard = max(bert.glob("model-*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"\x01")
    assert changed()


def test_shards_in_a_folder_within_count(bert: Path) -> None:
    sharded(bert)
    index = bert / "model.safetensors.index.json"
    held = json.loads(index.read_text())
    shard = min(bert.glob("model-*.safetensors"))
    (bert / "parts").mkdir()
    moved = shard.rename(bert / "parts" / shard.name)
    held["weight_map"] = {
        name: f"parts/{file}" if file == shard.name else file for name, file in held["weight_map"].items()
    }
    index.write_text(json.dumps(held))
    changed = changes(bert)
    moved.write_bytes(moved.read_bytes()[:-1] + b"\x01")
    assert changed()


def test_a_file_is_read_once_while_it_stays_the_same(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    hashed = content.file_hash
    monkeypatch.setattr(content, "file_hash", lambda path: read.append(path.name) or hashed(path))
    monkeypatch.setattr(content, "_SETTLED", -1.0)
    changed = changes(bert)
    assert WEIGHTS in read
    read.clear()
    assert not changed()
    assert read == []
    (bert / WEIGHTS).write_bytes((bert / WEIGHTS).read_bytes() + b"\x01")
    assert changed()
    assert read == [WEIGHTS]


# The order of the labels


@pytest.mark.parametrize(
    "name",
    ["bert", "roberta", "distilbert", "albert", "electra", "gpt2", "llama", "qwen2", "xlnet", "bart", "t5"],
)
def test_labels_may_come_in_another_order(name: str) -> None:
    network, tokenizer = build(name, "classification")
    before = logits(Classifier(network, tokenizer))
    reorder(network, tokenizer, [1, 2, 0])
    torch.testing.assert_close(logits(Classifier(network, tokenizer)), before[:, [1, 2, 0]])


def test_a_saved_classifier_answers_in_that_order(tmp_path: Path) -> None:
    folder = save(tmp_path, "gpt2")
    torch.testing.assert_close(logits(classifier(folder, TURNED)), logits(classifier(folder)).flip(-1))


def test_a_layer_as_wide_as_the_labels_is_not_taken_for_the_head(bert: Path) -> None:
    class Wide(transformers.BertForSequenceClassification):
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.unused = torch.nn.Linear(32, 3)

    network, tokenizer = build("bert", "classification")
    wide = Wide(network.config).eval()
    before = logits(Classifier(wide, tokenizer))
    kept = wide.unused.weight.detach().clone()
    reorder(wide, tokenizer, [1, 2, 0])
    assert [name for name, _ in output_layers(wide)] == ["unused", "classifier"]
    assert torch.equal(wide.unused.weight, kept)
    torch.testing.assert_close(logits(Classifier(wide, tokenizer)), before[:, [1, 2, 0]])


# As a stranger meets it


def test_the_command_line_says_it_in_one_line(bert: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (bert / "tokenizer.json").unlink()
    (bert / "tokenizer_config.json").unlink()
    table = f'{{ name = "hub-classifier", reference = "path:{bert}" }}'
    monkeypatch.setattr(sys, "argv", ["attrimark", "explain", TEXT, "--model", table, "--labels", ",".join(LABELS)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code not in (0, None)
    said = capsys.readouterr().err.strip()
    assert "no tokenizer files" in said
    assert len(said.splitlines()) == 1
