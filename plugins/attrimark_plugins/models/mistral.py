"""Mistral-7B-Instruct-v0.2: an instruction-tuned language model of 7.2 billion parameters. Jiang et al., 2310.06825."""

from __future__ import annotations

from collections.abc import Sequence

from attrimark_registry import ModelSource, PromptClassifier
from attrimark_registry.prompt_classifier import Scored

from .shared.prompts import SENTIMENT_PROMPT
from .shared.references import fingerprint
from .shared.saved_causal import Dtype, prompt_classifier

WEIGHTS = "hf:mistralai/Mistral-7B-Instruct-v0.2@63a8b081895390a26e140280378bc85ec8bce07a"


class Mistral(ModelSource):
    """It answers a prompt in zero shots, as Videneeva's does. Apache-2.0, taken from the model hub: 14.5 GB.

    Options:
        reference: another revision, or a copy on this machine: `path:directory`.
        prompt: holds `{text}` where the text goes.
        chat: fill the prompt into the model's chat template ([INST] … [/INST]).
        system: the chat template's system turn, where the revision's template takes one.
        answers: what is written for each label; by default the label after a space, as the model itself writes.
        features: what is scored: the text, or the whole prompt.
        dtype: "bfloat16" keeps the weights of linear layers as they were published, in 15 GB, and computes all
            else in float32: for `nf4` and `fp4`, which make of it what they make of "float32" in 29 GB. Without a
            quantizer its products are rounded, and integrated gradients want "float32".
        base: the reference of the model that it was fine-tuned from, for what compares the two (TuCo):
            `hf:mistral-community/Mistral-7B-v0.2@2c3e624962b1a3f3fbf52e15969565caa7bc064a`.
    """

    name = "mistral"
    kinds = frozenset()
    assets = (WEIGHTS,)
    trained = True

    reference: str = WEIGHTS
    prompt: str = SENTIMENT_PROMPT
    chat: bool = False
    system: str | None = None
    answers: dict[str, str] | None = None
    features: Scored = "text"
    dtype: Dtype = "bfloat16"
    base: str | None = None

    @property
    def knows_pretrained(self) -> bool:
        return self.base is not None

    def load(self, labels: Sequence[str], device: str) -> PromptClassifier:
        """The model.

        Raises:
            AttrimarkError: the weights are not cached and cannot be downloaded, are no safetensors, or incomplete; or
                the prompt does not fit.
            Unsupported: the model named as its base has another depth, width or vocabulary.
        """
        return prompt_classifier(
            self.reference,
            labels,
            device,
            prompt=self.prompt,
            chat=self.chat,
            system=self.system,
            # in a chat too, an answer's first word begins with the space that the vocabulary's words hold
            answers=self.answers or {label: f" {label}" for label in labels},
            features=self.features,
            dtype=self.dtype,
            base=self.base,
        )

    def fingerprint(self) -> str:
        return fingerprint(self, self.reference, self.base)
