"""A ladder of small Llamas that know the language of building regulations, to be fine-tuned to write rules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from attrimark_registry import Writer
from pydantic import Field

from attrimark_plugins.datasets.code_compliance import CodeCompliance, restatements

from .shared.llama_pretraining import POSITIONS, pretrain_llama
from .shared.loading import load_saved
from .shared.pretrained_here import PretrainedHere
from .shared.tiny_tokenizers import llama3_bpe
from .tiny import Seed


class _Shape(NamedTuple):
    layers: int
    width: int
    learning_rate: float  # of pre-training: wider networks bear less


SIZES = {"s": _Shape(2, 32, 1.5e-2), "m": _Shape(2, 64, 1e-2), "l": _Shape(3, 96, 5e-3)}
_HEADS = 4
_PIECES = 800  # as many as make each noun and number of the language one token
_TEXTS_SEED = 4_000_000  # so that pre-training reads other clauses than any suite


class RuleWriterTiny(PretrainedHere):
    """A language model of clauses that has never seen a rule.

    It is pre-trained once, to state the requirement of a clause in plain words: the weights are kept in the cache. Its
    tokenizer has seen rules; what they are made of also stands in clauses, but for the word "rule".

    Options:
        size: of the network.
        seed: of pre-training.
        texts, epochs, batch_size: of pre-training.
        prompt: holds `{text}` where the clause goes.
        most: how many tokens are written.
    """

    name = "rule-writer-tiny"
    trained = True  # it writes, if no rules

    size: Literal["s", "m", "l"]
    seed: Seed = 0
    texts: int = Field(default=16_000, ge=1, le=100_000)
    epochs: int = Field(default=1, ge=1)
    batch_size: int = Field(default=32, ge=1)
    prompt: str = "{text}\n"
    most: int = Field(default=48, ge=1, le=128)

    def load(self, labels: Sequence[str], device: str) -> Writer:
        """The model, pre-trained first where it is not cached. It writes, whatever labels there are."""
        from transformers import AutoModelForCausalLM

        network, tokenizer, _ = load_saved(AutoModelForCausalLM, self.folder())
        return Writer(network.to(device).eval(), tokenizer, self.prompt, most=self.most)

    def recipe(self) -> Sequence[str]:
        options = self.model_dump_json(exclude={"prompt", "most"})  # what makes no difference to the weights
        shape = str((*SIZES[self.size], _HEADS, _PIECES))
        return [self.version, options, shape, *_texts(self.texts), *_corpus()]

    def pretrain(self, folder: Path) -> None:
        shape = SIZES[self.size]
        pretrain_llama(
            folder,
            llama3_bpe(_corpus(), POSITIONS, _PIECES),
            _texts(self.texts),
            layers=shape.layers,
            width=shape.width,
            heads=_HEADS,
            tied=True,
            after="\n",
            seed=self.seed,
            epochs=self.epochs,
            learning_rate=shape.learning_rate,
            batch_size=self.batch_size,
        )


@cache
def _texts(size: int) -> tuple[str, ...]:
    return tuple(restatements(size, _TEXTS_SEED))


@cache
def _corpus() -> tuple[str, ...]:
    """Clauses and rules, for the tokenizer to learn its pieces from."""
    examples = CodeCompliance(train=1500, validation=0, test=0, seed=_TEXTS_SEED).load().train
    return tuple(f"{each.text}\n{each.reference}" for each in examples)
