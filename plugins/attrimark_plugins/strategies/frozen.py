"""A classification head on a frozen encoder: training costs one pass over the texts, and then very little."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from attrimark_registry import Classifier, Encoded, Example, Model, Strategy
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from attrimark_plugins.models.encoder_with_head import EncoderWithHead, Head

from .training import classifier_with_head, labelled_rows, optimizer, seeded


class Frozen(Strategy):
    """The encoder stays as it is; each seed trains a new head on features that are computed once.

    The models of all seeds share the encoder's tensors with the model given.
    """

    name = "frozen"

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
        rows, labels = labelled_rows(model, train)
        features = pooled_features(classifier, network, rows)
        gold = torch.tensor(labels, device=model.device)
        tuned: list[Model] = []
        for seed in seeds:
            with seeded(seed, model.device):
                head = self._train(features, gold, len(model.labels))
            tuned.append(Classifier(_with_head(network, head), model.tokenizer, model.labels, pretrained=model))
        return tuned

    def _train(self, features: Float[Tensor, "texts dim"], gold: Int[Tensor, " texts"], labels: int) -> Head:
        head = Head(features.shape[1], labels, self.dropout).to(features.device)
        adamw = optimizer(head, self.learning_rate, self.weight_decay)
        for _ in range(self.epochs):
            for batch in torch.randperm(len(features)).to(features.device).split(self.batch_size):
                loss = nn.functional.cross_entropy(head(features[batch]), gold[batch])
                adamw.zero_grad()
                loss.backward()
                adamw.step()
        head.zero_grad()
        return head.eval()


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


def _with_head(network: EncoderWithHead, head: Head) -> EncoderWithHead:
    """A copy whose encoder has modules of its own, and tensors shared with the original."""
    shared = {id(tensor): tensor for tensor in (*network.encoder.parameters(), *network.encoder.buffers())}
    new = copy.deepcopy(network, shared)
    new.head = head
    return new.eval()
