"""Llama's shape in a quarter of a million parameters, pre-trained here in seconds on planted texts of one language."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from attrimark_registry import PromptClassifier
from attrimark_registry.prompt_classifier import Scored
from pydantic import Field, model_validator

from attrimark_plugins.datasets.planted import VOCABULARIES, Language, Planted, corpus

from .shared.llama_pretraining import POSITIONS, pretrain_llama
from .shared.loading import load_saved
from .shared.pretrained_here import PretrainedHere
from .shared.tiny_tokenizers import llama3_bpe
from .tiny import Heads, Layers, Seed, Width

_TEXTS_SEED = 3_000_000  # so that pre-training reads other texts than any suite


class LlamaTiny(PretrainedHere):
    """A language model of generated texts, which has never seen a task: to be fine-tuned, and compared with itself.

    It is pre-trained once: the weights are kept in the cache. Its tokenizer knows the words of both languages.

    Options:
        language: of the texts that it is pre-trained on.
        seed: of pre-training.
        texts, epochs, learning_rate, batch_size: of pre-training.
        prompt, answers, features: as of `tiny-causal`.
    """

    name = "llama-tiny"
    trained = True  # it decides, if only by chance

    language: Language = "french"
    layers: Layers = 4
    width: Width = 64
    heads: Heads = 4
    seed: Seed = 0
    texts: int = Field(default=2000, ge=1, le=50_000)
    epochs: int = Field(default=4, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    batch_size: int = Field(default=32, ge=1)
    prompt: str = "{text}"
    answers: dict[str, str] | None = None
    features: Scored = "text"

    @model_validator(mode="after")
    def _heads_divide_width(self) -> LlamaTiny:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be divided among {self.heads} heads")
        return self

    def load(self, labels: Sequence[str], device: str) -> PromptClassifier:
        """The model, pre-trained first where it is not cached."""
        from transformers import AutoModelForCausalLM

        network, tokenizer, _ = load_saved(AutoModelForCausalLM, self.folder())
        network = network.to(device).eval()
        return PromptClassifier(network, tokenizer, labels, self.prompt, answers=self.answers, features=self.features)

    def recipe(self) -> Sequence[str]:
        asked = {"prompt", "answers", "features"}  # what makes no difference to the weights
        return [self.version, self.model_dump_json(exclude=asked), *_texts(self.language, self.texts)]

    def pretrain(self, folder: Path) -> None:
        tokenizer = llama3_bpe([text for language in VOCABULARIES for text in corpus(language)], POSITIONS)
        pretrain_llama(
            folder,
            tokenizer,
            _texts(self.language, self.texts),
            layers=self.layers,
            width=self.width,
            heads=self.heads,
            seed=self.seed,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
        )


@cache
def _texts(language: Language, size: int) -> tuple[str, ...]:
    planted = Planted(language=language, train=size, validation=0, test=0, seed=_TEXTS_SEED)
    return tuple(example.text for example in planted.load().train)
