"""A saved causal language model whose explained decision is the text that it writes."""

from __future__ import annotations

from collections.abc import Sequence

from attrimark_registry import ModelSource, Writer
from attrimark_registry.network_kinds import NetworkKind
from pydantic import Field

from .shared.references import fingerprint, is_small, kinds_of_reference
from .shared.saved_causal import Dtype, beside, loaded

RULE_PROMPT = "Write the rule that a computer can check for this clause of a building code.\nClause: {text}\nRule:\n"


class HubWriter(ModelSource):
    """It writes a continuation of the prompt, and is fine-tuned on references.

    Options:
        reference: `hf:owner/name@revision`, `path:directory` or `pypi:...`.
        prompt: holds `{text}` where the text goes.
        chat: fill the prompt into the tokenizer's chat template.
        system: the chat template's system turn.
        most: how many tokens are written.
        base: the reference of the model that this one was fine-tuned from, for what compares the two (TuCo).
        dtype: as of `mistral`: "bfloat16" halves the memory of linear layers, whose products are then rounded.
    """

    name = "hub-writer"
    trained = True

    reference: str
    prompt: str = RULE_PROMPT
    chat: bool = False
    system: str | None = None
    most: int = Field(default=64, ge=1, le=1024)
    base: str | None = None
    dtype: Dtype = "float32"

    @property
    def knows_pretrained(self) -> bool:
        return self.base is not None

    def load(self, labels: Sequence[str], device: str) -> Writer:
        """The model. It writes, whatever labels there are.

        Raises:
            AttrimarkError: it cannot be fetched or read, weights are missing, or the prompt does not fit.
            Unsupported: the model named as its base has another depth, width or vocabulary.
        """
        network, tokenizer = loaded(self.reference, self.dtype, device, self.base)
        model = Writer(network, tokenizer, self.prompt, self.chat, self.most, system=self.system)
        return beside(model, self.base, self.dtype, device)

    def network_kinds(self) -> frozenset[NetworkKind] | None:
        return kinds_of_reference(self.reference)

    def loads_at_once(self) -> bool:
        return is_small(self.reference)

    def fingerprint(self) -> str:
        return fingerprint(self, self.reference, self.base)
