"""Tiny random networks of the common shapes: for tests, planted data, and a first run without downloads.

Their weights are drawn wide, so that unlike most new networks they answer to every token of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from attrimark_registry import Classifier, ModelSource, PromptClassifier, Writer
from attrimark_registry.prompt_classifier import Scored
from pydantic import Field, model_validator

from attrimark_plugins.datasets.planted import Language, corpus

from .shared import tiny_tokenizers
from .shared.encoder_with_head import EncoderWithHead, Pooling

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig, PreTrainedTokenizerFast

EncoderShape = Literal["bert", "roberta", "camembert", "distilbert"]
CausalShape = Literal["llama", "mistral", "gpt2"]
Layers = Annotated[int, Field(ge=1, le=24)]
Width = Annotated[int, Field(ge=4, le=1024)]
Heads = Annotated[int, Field(ge=1, le=64)]
Seed = Annotated[int, Field(ge=0)]
Positions = Annotated[int, Field(ge=8, le=8192)]  # the longest text, in tokens

SPREAD = 0.2  # standard deviation of the weights; 0.02 would make outputs all but constant

TOKENIZERS = {
    "bert": tiny_tokenizers.wordpiece,
    "distilbert": tiny_tokenizers.wordpiece,
    "roberta": tiny_tokenizers.byte_bpe,
    "camembert": tiny_tokenizers.unigram,
    "llama": tiny_tokenizers.llama3_bpe,
    "mistral": tiny_tokenizers.llama2_bpe,
    "gpt2": tiny_tokenizers.gpt2_bpe,
}


class TinyEncoder(ModelSource):
    """A random encoder with a random classification head."""

    name = "tiny-encoder"
    kinds = frozenset()

    shape: EncoderShape = "bert"
    language: Language = "english"
    layers: Layers = 2
    width: Width = 32
    heads: Heads = 4
    seed: Seed = 0
    positions: Positions = 128
    pooling: Pooling = "first"

    @model_validator(mode="after")
    def _heads_divide_width(self) -> TinyEncoder:
        _refuse_unequal_heads(self.width, self.heads)
        return self

    def load(self, labels: Sequence[str], device: str) -> Classifier:
        tokenizer = TOKENIZERS[self.shape](corpus(self.language), self.positions)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = EncoderWithHead(_encoder(self, tokenizer), len(labels), self.pooling)
        return Classifier(network.to(device).eval(), tokenizer, labels)


class TinyCausal(ModelSource):
    """A random causal language model that compares the answers to a prompt."""

    name = "tiny-causal"
    kinds = frozenset()
    trained = True  # it decides, if only by chance

    shape: CausalShape = "llama"
    language: Language = "english"
    layers: Layers = 2
    width: Width = 32
    heads: Heads = 4
    seed: Seed = 0
    positions: Positions = 128
    prompt: str = "Text: {text}\nLabel:"
    answers: dict[str, str] | None = None  # what is written for each label; by default the label, after a space
    features: Scored = "text"  # what is scored: the text, or the whole prompt

    @model_validator(mode="after")
    def _heads_divide_width(self) -> TinyCausal:
        _refuse_unequal_heads(self.width, self.heads)
        return self

    def load(self, labels: Sequence[str], device: str) -> PromptClassifier:
        network, tokenizer = _causal(self, device)
        return PromptClassifier(network, tokenizer, labels, self.prompt, answers=self.answers, features=self.features)


class TinyWriter(ModelSource):
    """A random causal language model that writes on; it decides between no labels."""

    name = "tiny-writer"
    kinds = frozenset()
    trained = True

    shape: CausalShape = "llama"
    language: Language = "english"
    layers: Layers = 2
    width: Width = 32
    heads: Heads = 4
    seed: Seed = 0
    positions: Positions = 128
    prompt: str = "Text: {text}\nIn short:"
    most: int = Field(default=6, ge=1, le=64)  # tokens written

    @model_validator(mode="after")
    def _heads_divide_width(self) -> TinyWriter:
        _refuse_unequal_heads(self.width, self.heads)
        return self

    def load(self, labels: Sequence[str], device: str) -> Writer:
        network, tokenizer = _causal(self, device)
        return Writer(network, tokenizer, self.prompt, most=self.most)


def _refuse_unequal_heads(width: int, heads: int) -> None:
    if width % heads:
        raise ValueError(f"width {width} cannot be divided among {heads} heads")


def _encoder(source: TinyEncoder, tokenizer: PreTrainedTokenizerFast) -> nn.Module:
    from transformers import AutoModel

    hidden = 4 * source.width
    if source.shape == "distilbert":
        return AutoModel.from_config(_config(source, tokenizer, hidden_dim=hidden))
    own = {"intermediate_size": hidden, "type_vocab_size": 2}
    if source.shape != "bert":
        # RoBERTa numbers positions from the one after its padding id, and its segments are of one type
        own |= {"max_position_embeddings": source.positions + 2, "type_vocab_size": 1}
    return AutoModel.from_config(_config(source, tokenizer, **own), add_pooling_layer=False)


def _causal(source: TinyCausal | TinyWriter, device: str) -> tuple[nn.Module, PreTrainedTokenizerFast]:
    from transformers import AutoModelForCausalLM

    tokenizer = TOKENIZERS[source.shape](corpus(source.language), source.positions)
    own = {}
    if source.shape != "gpt2":
        # two heads share their keys where they can, as in the large ones
        keys = source.heads // 2 if source.heads % 2 == 0 else source.heads
        own = {"intermediate_size": 4 * source.width, "num_key_value_heads": keys}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(source.seed)
        network = AutoModelForCausalLM.from_config(_config(source, tokenizer, **own))
    return network.to(device).eval(), tokenizer


def _config(
    source: TinyEncoder | TinyCausal | TinyWriter, tokenizer: PreTrainedTokenizerFast, **own: int
) -> PretrainedConfig:
    """The shape's configuration, in the source's sizes."""
    from transformers import AutoConfig

    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": source.width,
        "num_hidden_layers": source.layers,
        "num_attention_heads": source.heads,
        "max_position_embeddings": source.positions,
        "initializer_range": SPREAD,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return AutoConfig.for_model(source.shape, **(common | own))
