"""A classification head on a frozen encoder: training costs one pass over the texts, and then very little."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import ClassVar

import torch
from attrimark_registry import Classifier, Encoded, Example, Model, Strategy
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from attrimark_plugins.models.shared.encoder_with_head import EncoderWithHead, Head

from .shared.heads import train_heads
from .shared.training import classifier_with_head, fine_tuned, gold_rows, seeded


class Frozen(Strategy):
    """The encoder stays as it is; each seed trains a new head on features that are computed once.

    The heads of all seeds are trained together. Their models share the encoder's tensors with the model given.
    """

    name = "frozen"
    version = "2"
    together: ClassVar[bool] = True

    epochs: int = Field(default=20, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    batch_size: int = Field(default=32, ge=1)
    weight_decay: float = Field(default=0.01, ge=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)

    def fine_tune(self, model: Model, train: Sequence[Example], seeds: Sequence[int]) -> list[Model]:
        """A model for each seed.

        Raises:
            Unsupported: the model has no encoder with a head.
            AttrimarkError: no example can be trained on.
        """
        classifier, network = classifier_with_head(model, self.name)
        rows = gold_rows(model, train)
        gold = torch.tensor([row.target.chosen[0] for row in rows if row.target], device=model.device)
        heads = train_heads(
            pooled_features(classifier, network, rows),
            gold,
            len(model.labels),
            seeds,
            **self.model_dump(),
        )
        return [_with_head(model, network, head) for head in heads]

    def blank(self, model: Model) -> Model:
        _, network = classifier_with_head(model, self.name)
        with seeded(0, model.device):
            head = Head(network.config.hidden_size, len(model.labels), self.dropout).to(model.device)
        return _with_head(model, network, head)


def pooled_features(
    model: Classifier, network: EncoderWithHead, rows: Sequence[Encoded], rows_a_batch: int = 64
) -> Float[Tensor, "texts dim"]:
    """What the head reads of each row, in the rows' order; computed by length, so that little is padding."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    features = []
    with model.active(), torch.no_grad():
        for start in range(0, len(order), rows_a_batch):
            batch = model.collate([rows[index] for index in order[start : start + rows_a_batch]])
            pooled = network.pool(
                input_ids=batch.input_ids,
                attention_mask=batch.attention_mask,
                position_ids=batch.position_ids,
                token_type_ids=batch.token_type_ids,
            )
            features.append(pooled.float())
    places = torch.tensor(order, device=model.device).argsort()
    return torch.cat(features)[places]


def _with_head(model: Model, network: EncoderWithHead, head: Head) -> Model:
    """A model whose encoder has modules of its own, and tensors shared with the original."""
    shared = {id(tensor): tensor for tensor in (*network.encoder.parameters(), *network.encoder.buffers())}
    new = copy.deepcopy(network, shared)
    new.head = head
    return fine_tuned(model, new.eval(), (f"head.{name}" for name, _ in head.named_parameters()))
