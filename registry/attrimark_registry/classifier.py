"""An encoder with a classification head."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar, final

from jaxtyping import Float
from torch import Tensor, nn

from .encoding import PROTECTED, Batch, Encoded, Target
from .errors import Unsupported
from .model import Model
from .reading import Reading, at_least_float32, read_labels
from .text import Example, Granularity


@final
class Classifier(Model):
    """A sequence classifier of the encoder family; its outputs are the logits of its labels."""

    left_padded: ClassVar[bool] = False

    def encode(self, example: Example, granularity: Granularity = "word") -> Encoded:
        if len(example.segments) > 2:
            raise Unsupported(f"example {example.id}: an encoder takes one or two segments")
        encoding = self.tokenizer(
            *example.segments, return_offsets_mapping=True, return_token_type_ids=True, verbose=False
        )
        ids = encoding["input_ids"]
        self._fits(len(ids))
        segments = encoding.sequence_ids(0)
        places = [
            (PROTECTED if segment is None else segment, start, end)
            for segment, (start, end) in zip(segments, encoding["offset_mapping"], strict=True)
        ]
        types = encoding["token_type_ids"]
        return self._row(example, ids, types, places, granularity, self._first_position)

    @property
    def longest(self) -> int:
        positions = getattr(self.network.config, "max_position_embeddings", None) or 10**9
        return min(int(self.tokenizer.model_max_length), positions - self._first_position)

    @cached_property
    def _first_position(self) -> int:
        """RoBERTa's positions start after its padding index (marked in the table of positions); others at 0."""
        for name, module in self.network.named_modules():
            if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
                return 0 if module.padding_idx is None else module.padding_idx + 1
        return 0

    @cached_property
    def _accepted(self) -> frozenset[str]:
        return frozenset(inspect.signature(self.network.forward).parameters)

    def outputs(
        self, batch: Batch, embeddings: Float[Tensor, "batch tokens dim"] | None = None
    ) -> Float[Tensor, "batch outputs"]:
        if embeddings is None and batch.averaged.any():
            embeddings = self.embed(batch)
        inputs = {"input_ids": batch.input_ids} if embeddings is None else {"inputs_embeds": embeddings}
        optional = {"position_ids": batch.position_ids}
        if getattr(self.network.config, "type_vocab_size", 0) > 1:
            optional["token_type_ids"] = batch.token_type_ids
        accepted = {name: value for name, value in optional.items() if name in self._accepted}
        logits = self.network(**inputs, attention_mask=batch.attention_mask, **accepted).logits
        return at_least_float32(logits)

    def value(
        self, outputs: Float[Tensor, "batch outputs"], targets: Sequence[Target], reading: Reading
    ) -> Float[Tensor, " batch"]:
        return read_labels(outputs, list(targets), reading)
