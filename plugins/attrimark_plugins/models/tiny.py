"""Tiny random networks of the common shapes: for tests, for planted data, and for a first run without downloads.

Their weights are drawn wide, so that unlike a freshly initialised network they answer to every token of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import torch
from pydantic import Field, model_validator

from attrimark_registry import Classifier, ModelSource, PromptClassifier, Writer

from ..datasets.planted import Language, corpus
from . import tiny_tokenizers
from .encoder_with_head import EncoderWithHead, Pooling

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedTokenizerFast

EncoderShape = Literal["bert", "roberta", "camembert", "distilbert"]
CausalShape = Literal["llama", "mistral", "gpt2"]
Layers = Annotated[int, Field(ge=1, le=24)]
Width = Annotated[int, Field(ge=4, le=1024)]
Heads = Annotated[int, Field(ge=1, le=64)]
Seed = Annotated[int, Field(ge=0)]
Positions = Annotated[int, Field(ge=8, le=8192)]  # the longest text, in tokens

Tiny = TypeVar("Tiny", "TinyEncoder", "TinyCausal", "TinyWriter")

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
        return _checked(self)

    def load(self, labels: Sequence[str], device: str) -> Classifier:
        tokenizer = TOKENIZERS[self.shape](corpus(self.language), self.positions)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = EncoderWithHead(_encoder(self, tokenizer), len(labels), self.pooling)
        return Classifier(network.to(device).eval(), tokenizer, labels)


class TinyCausal(ModelSource):
    """A random causal language model that compares the answers to a prompt."""

    name = "tiny-causal"
    trained = True  # it decides, if only by chance

    shape: CausalShape = "llama"
    language: Language = "english"
    layers: Layers = 2
    width: Width = 32
    heads: Heads = 4
    seed: Seed = 0
    positions: Positions = 128
    prompt: str = "Text: {text}\nLabel:"
    answers: dict[str, str] | None = (
        None  # what is written for each label; by default the label, after a space
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> TinyCausal:
        return _checked(self)

    def load(self, labels: Sequence[str], device: str) -> PromptClassifier:
        network, tokenizer = _causal(self, device)
        return PromptClassifier(network, tokenizer, labels, self.prompt, answers=self.answers)


class TinyWriter(ModelSource):
    """A random causal language model that writes on; it decides between no labels."""

    name = "tiny-writer"
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
        return _checked(self)

    def load(self, labels: Sequence[str], device: str) -> Writer:
        network, tokenizer = _causal(self, device)
        return Writer(network, tokenizer, self.prompt, most=self.most)


def _checked(source: Tiny) -> Tiny:
    if source.width % source.heads:
        raise ValueError(f"width {source.width} cannot be divided among {source.heads} heads")
    return source


def _encoder(source: TinyEncoder, tokenizer: PreTrainedTokenizerFast) -> nn.Module:
    import transformers

    if source.shape == "distilbert":
        config = transformers.DistilBertConfig(
            vocab_size=len(tokenizer),
            dim=source.width,
            hidden_dim=4 * source.width,
            n_layers=source.layers,
            n_heads=source.heads,
            max_position_embeddings=source.positions,
            pad_token_id=tokenizer.pad_token_id,
            initializer_range=SPREAD,
        )
        return transformers.DistilBertModel(config)
    Config, Encoder = {
        "bert": (transformers.BertConfig, transformers.BertModel),
        "roberta": (transformers.RobertaConfig, transformers.RobertaModel),
        "camembert": (transformers.CamembertConfig, transformers.CamembertModel),
    }[source.shape]
    bert = source.shape == "bert"
    config = Config(
        vocab_size=len(tokenizer),
        hidden_size=source.width,
        intermediate_size=4 * source.width,
        num_hidden_layers=source.layers,
        num_attention_heads=source.heads,
        # RoBERTa numbers positions from the one after its padding id
        max_position_embeddings=source.positions + (0 if bert else tokenizer.pad_token_id + 1),
        type_vocab_size=2 if bert else 1,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=SPREAD,
    )
    return Encoder(config, add_pooling_layer=False)


def _causal(source: TinyCausal | TinyWriter, device: str) -> tuple[nn.Module, PreTrainedTokenizerFast]:
    import transformers

    tokenizer = TOKENIZERS[source.shape](corpus(source.language), source.positions)
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    if source.shape == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=len(tokenizer),
            n_embd=source.width,
            n_layer=source.layers,
            n_head=source.heads,
            n_positions=source.positions,
            initializer_range=SPREAD,
            **special,
        )
        Network = transformers.GPT2LMHeadModel
    else:
        Config, Network = {
            "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
            "mistral": (transformers.MistralConfig, transformers.MistralForCausalLM),
        }[source.shape]
        config = Config(
            vocab_size=len(tokenizer),
            hidden_size=source.width,
            intermediate_size=4 * source.width,
            num_hidden_layers=source.layers,
            num_attention_heads=source.heads,
            # keys shared by two heads where they can be, as in the large ones
            num_key_value_heads=source.heads // 2 if source.heads % 2 == 0 else source.heads,
            max_position_embeddings=source.positions,
            initializer_range=SPREAD,
            **special,
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(source.seed)
        network = Network(config)
    return network.to(device).eval(), tokenizer
