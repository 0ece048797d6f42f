"""Tiny random networks with a tokenizer of whole words, for tests that need a network that knows nothing."""

import torch
from attrimark_registry import Classifier, Encoded, Example, Model, PromptClassifier, Writer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

LABELS = ("negative", "positive")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (
    *SPECIAL,
    *LABELS,
    *[
        "a",
        "the",
        "gorgeous",
        "but",
        "dull",
        "film",
        "witty",
        "and",
        "sad",
        "not",
        "very",
        "good",
        "is",
        "it",
        ":",
        ",",
        ".",
    ],
)
TEXTS = ("a gorgeous film", "dull", "the film is witty , and not very sad .", "good film")
PROMPT = "the film : {text} . it is"


def tokenizer(special: bool) -> PreTrainedTokenizerFast:
    """One token a word (`special`: between [CLS] and [SEP])."""
    words = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    if special:
        words.post_processor = processors.TemplateProcessing(  # pyright: ignore[reportAttributeAccessIssue]
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", WORDS.index("[CLS]")), ("[SEP]", WORDS.index("[SEP]"))],
        )
    names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"} if special else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64, **names
    )


def bert(seed: int = 0, dtype: torch.dtype = torch.float32) -> Classifier:
    """A random encoder of two blocks with a head for two labels."""
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.2,  # wide enough that words make a difference
    )
    return Classifier(_drawn(BertForSequenceClassification, config, seed, dtype), tokenizer(True), LABELS)


def llama(seed: int = 0, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A random causal language model of two blocks."""
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.2,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=None,
    )
    return _drawn(LlamaForCausalLM, config, seed, dtype)


def prompted(seed: int = 0, dtype: torch.dtype = torch.float32) -> PromptClassifier:
    return PromptClassifier(llama(seed, dtype), tokenizer(False), LABELS, PROMPT)


def writer(seed: int = 0, dtype: torch.dtype = torch.float32) -> Writer:
    return Writer(llama(seed, dtype), tokenizer(False), PROMPT, most=3)


def rows(model: Model, texts: tuple[str, ...] = TEXTS) -> list[Encoded]:
    """Rows of different lengths with the target that the model predicts."""
    with model.active():
        return model.decide([model.encode(Example(str(place), (text,))) for place, text in enumerate(texts)])


def _drawn(kind: type, config, seed: int, dtype: torch.dtype):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return kind(config).to(dtype)
