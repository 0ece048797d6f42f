"""A saved encoder whose embeddings a metric compares texts by, whatever model is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from attrimark_registry import AttrimarkError, Classifier, Unsupported
from jaxtyping import Float
from torch import Tensor

from attrimark_plugins.models.shared.loading import saved


@dataclass(frozen=True)
class TextEncoder:
    """A network without a head, its tokenizer, and the number of tokens that it takes, special ones included."""

    network: Any
    tokenizer: Any
    longest: int

    @classmethod
    def of(cls, reference: str, device: torch.device) -> TextEncoder:
        """The encoder that a reference names.

        Raises:
            Unsupported: it is not at hand; the message says what to do.
        """
        from transformers import AutoModel

        try:
            # a pooler that the weights lack is drawn at random, and never read
            with torch.random.fork_rng(devices=[]):
                network, tokenizer = saved(AutoModel, reference, unread=("pooler.",))
        except AttrimarkError as error:
            raise Unsupported(
                f"the encoder that texts are compared by is not at hand ({error}); fetch it where there is a network, "
                'or name one on this machine: model = "path:..."'
            ) from error
        longest = Classifier(network, tokenizer).longest  # which knows where positions begin
        return cls(network.to(device).eval(), tokenizer, longest)

    def states(
        self, text: str, layer: int | None = None
    ) -> tuple[Float[Tensor, "tokens dim"], list[tuple[int, int]]] | None:
        """Contextual embeddings of a text's tokens and the characters of each, none for special tokens.

        None where the text is longer than the encoder takes: nothing is cut.

        Args:
            layer: after which block; the last by default.

        Raises:
            Unsupported: there are fewer blocks.
        """
        encoding = self.tokenizer(text, return_offsets_mapping=True, return_tensors="pt", verbose=False)
        characters = [(start, end) for start, end in encoding.pop("offset_mapping")[0].tolist()]
        if len(characters) > self.longest:
            return None
        with torch.no_grad():
            states = self.network(**encoding.to(self.network.device), output_hidden_states=True).hidden_states
        if layer is not None and layer >= len(states):
            raise Unsupported(f"the encoder has {len(states) - 1} blocks, and layer {layer} is asked for")
        return states[-1 if layer is None else layer][0].double(), characters
