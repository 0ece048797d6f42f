"""CamemBERT's shape in two hundred thousand parameters, pre-trained here in seconds on planted French."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from attrimark_registry import Classifier
from pydantic import Field, model_validator

from attrimark_plugins.datasets.planted import Planted

from .shared.encoder_with_head import EncoderWithHead
from .shared.loading import load_saved, quiet
from .shared.masked_language_modelling import pretrain
from .shared.one_thread import one_thread
from .shared.pretrained_here import PretrainedHere
from .shared.tiny_tokenizers import unigram
from .tiny import Heads, Layers, Seed, Width

PIECES = 1000  # more than the corpus has words: most words are one piece, as in a large vocabulary
POSITIONS = 128  # the longest text, in tokens
_TEXTS_SEED = 2_000_000  # so that pre-training reads other texts than any suite
_SPREAD = 0.05  # standard deviation of the first weights: wide, since there are few steps to move them in
_HEAD_SEED = 0


class CamembertTiny(PretrainedHere):
    """The encoder with a new classification head, to be fine-tuned.

    It is pre-trained without labels on generated French texts, once: the weights are kept in the cache.

    Options:
        seed: of pre-training.
        texts, epochs, learning_rate, batch_size: of pre-training.
    """

    name = "camembert-tiny"

    layers: Layers = 2
    width: Width = 80
    heads: Heads = 4
    seed: Seed = 0
    texts: int = Field(default=2000, ge=1, le=50_000)
    epochs: int = Field(default=12, ge=1)
    learning_rate: float = Field(default=5e-3, gt=0)
    batch_size: int = Field(default=32, ge=1)

    @model_validator(mode="after")
    def _heads_divide_width(self) -> CamembertTiny:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be divided among {self.heads} heads")
        return self

    def load(self, labels: Sequence[str], device: str) -> Classifier:
        """The model, pre-trained first where it is not cached."""
        from transformers import AutoModel

        encoder, tokenizer, _ = load_saved(AutoModel, self.folder(), add_pooling_layer=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_HEAD_SEED)
            network = EncoderWithHead(encoder, len(labels))
        return Classifier(network.to(device).eval(), tokenizer, labels)

    def recipe(self) -> Sequence[str]:
        return [self.digest, *_corpus(self.texts)]

    def pretrain(self, folder: Path) -> None:
        from transformers import CamembertConfig, CamembertForMaskedLM

        texts = _corpus(self.texts)
        tokenizer = unigram(texts, POSITIONS, PIECES)
        config = CamembertConfig(
            vocab_size=len(tokenizer),
            hidden_size=self.width,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=4 * self.width,
            max_position_embeddings=POSITIONS + 2,  # RoBERTa's positions begin after its padding id
            type_vocab_size=1,
            initializer_range=_SPREAD,
        )
        with torch.random.fork_rng(devices=[]), one_thread():
            torch.manual_seed(self.seed)
            network = CamembertForMaskedLM(config)
            pretrain(network, tokenizer, texts, self.epochs, self.learning_rate, self.batch_size)
        with quiet():
            network.roberta.save_pretrained(folder)
            tokenizer.save_pretrained(folder)


@cache
def _corpus(size: int) -> tuple[str, ...]:
    planted = Planted(language="french", train=size, validation=0, test=0, seed=_TEXTS_SEED)
    return tuple(example.text for example in planted.load().train)
