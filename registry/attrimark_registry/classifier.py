"""A network with a classification head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .architecture import longest_of
from .encoding import PROTECTED, Batch, Encoded, Target
from .errors import Unsupported
from .model import How, Model
from .reading import Head, Reading, at_least_float32, read_labels
from .text import Example, Granularity

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@final
class Classifier(Model):
    """A sequence classifier, encoder or decoder; its outputs are the logits of its labels.

    Attributes:
        head: whether its labels share a softmax, are decided each for itself, or are scores and no classes.
    """

    left_padded: ClassVar[bool] = False

    def __init__(
        self,
        network: nn.Module,
        tokenizer: PreTrainedTokenizerBase,
        labels: Sequence[str] = (),
        pretrained: Model | None = None,
        head: Head = "softmax",
    ) -> None:
        super().__init__(network, tokenizer, labels, pretrained)
        self.head = head

    def encode(self, example: Example, granularity: Granularity = "word") -> Encoded:
        if len(example.segments) > 2:
            raise Unsupported(f"example {example.id}: a classifier takes one or two segments")
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
        # a tokenizer that names no token types gives the network none
        named = "token_type_ids" in self.tokenizer.model_input_names
        types = encoding["token_type_ids"] if named else [0] * len(ids)
        flags = self._flags_of(ids, places)
        return self._row(example, ids, types, places, granularity, self.first_position, flags)

    def decide(self, rows: Sequence[Encoded], how: How = "predicted") -> list[Encoded]:
        """The rows with their target; of a sigmoid head's predictions, a row for each label that holds.

        Such a row's example is named for the text and the label, `7:music`.

        Raises:
            Unsupported: as for every model; no label holds; several scores, of which none is a prediction.
        """
        if how != "predicted" or self.head == "softmax":
            return super().decide(rows, how)
        if len(self.labels) == 1:
            return [row.aimed_at(Target((0,))) for row in rows]
        if self.head == "scalar":
            raise Unsupported(f"the head gives several scores and no prediction: name one of {', '.join(self.labels)}")
        return [labelled for row in rows for labelled in self._holding(row)]

    def _holding(self, row: Encoded) -> list[Encoded]:
        with torch.no_grad():
            (logits,) = self.outputs(self.collate([row])).tolist()
        holding = [index for index, logit in enumerate(logits) if logit > 0]
        if not holding:
            raise Unsupported(
                f"example {row.example.id}: no label holds, so no prediction is there to explain: name a label as the "
                "target"
            )
        named = {index: replace(row.example, id=f"{row.example.id}:{self.labels[index]}") for index in holding}
        return [replace(row, example=named[index], target=Target((index,))) for index in holding]

    @property
    def pad_id(self) -> int | None:
        """The id that the network takes for padding (decoders look for it to find the last token), else the
        tokenizer's."""
        known = getattr(self.network.config, "pad_token_id", None)
        return self.tokenizer.pad_token_id if known is None or known < 0 else known

    @property
    def longest(self) -> int:
        return min(int(self.tokenizer.model_max_length), longest_of(self.network) - self.first_position)

    def _outputs(
        self, batch: Batch, embeddings: Float[Tensor, "batch tokens dim"] | None = None
    ) -> Float[Tensor, "batch outputs"]:
        if embeddings is None and batch.averaged.any():
            embeddings = self.embed(batch)
        arguments = {"attention_mask": batch.attention_mask, "position_ids": batch.position_ids}
        if self._has_types:
            arguments["token_type_ids"] = batch.token_type_ids
        return at_least_float32(self.forward(batch.input_ids, embeddings, **arguments).logits)

    @property
    def _has_types(self) -> bool:
        """Whether token types mean something; a network without a number of types is given those that its tokenizer
        gives."""
        types = getattr(self.network.config, "type_vocab_size", None)
        return "token_type_ids" in self.tokenizer.model_input_names if types is None else types > 1

    def value(
        self, outputs: Float[Tensor, "batch outputs"], targets: Sequence[Target], reading: Reading
    ) -> Float[Tensor, " batch"]:
        return read_labels(outputs, list(targets), reading, self.head)
