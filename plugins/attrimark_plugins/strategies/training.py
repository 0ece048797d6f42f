"""What strategies share: the network to train, labelled rows, batches of like length, and seeds."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from attrimark_registry import AttrimarkError, Classifier, Encoded, Example, Model, Unsupported
from torch import nn

from attrimark_plugins.models.encoder_with_head import EncoderWithHead

log = logging.getLogger("attrimark.training")

POOL = 50  # batches whose rows are sorted together: long enough to pad little, short enough to stay random


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global generators under `seed`, put back at the end: layers and dropout draw from no other."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def classifier_with_head(model: Model, strategy: str) -> tuple[Classifier, EncoderWithHead]:
    """The model, and its network with a head that may be replaced; the network's weights are not copied.

    Raises:
        Unsupported: the model is a causal one, or its network does not say which part is the encoder.
    """
    if not isinstance(model, Classifier):
        raise Unsupported(
            f'strategy "{strategy}" trains a classification head, and a {type(model).__name__} has none: '
            'use strategy "none", or an encoder'
        )
    if isinstance(model.network, EncoderWithHead):
        return model, model.network
    encoder = getattr(model.network, "base_model", None)
    if encoder is None or encoder is model.network:
        raise Unsupported(
            f'strategy "{strategy}" does not know the encoder inside a {type(model.network).__name__}: '
            "give it an EncoderWithHead, or one of transformers' sequence classifiers"
        )
    with seeded(0, model.device):  # a head's place only: each seed draws its own
        return model, EncoderWithHead(encoder, len(model.labels)).to(model.device)


def labelled_rows(model: Model, train: Sequence[Example]) -> tuple[list[Encoded], list[int]]:
    """Rows and the indices of their labels.

    What cannot be encoded, or has no label that the model knows, is left out with a warning.

    Raises:
        AttrimarkError: nothing is left.
    """
    rows, left_out = [], []
    for example in train:
        try:
            rows += model.decide([model.encode(example)], "gold")
        except Unsupported as reason:
            left_out.append(str(reason))
    if not rows:
        reason = left_out[0] if left_out else "there are none"
        raise AttrimarkError(f"no example to train on; the first was left out because: {reason}")
    if left_out:
        log.warning(
            "%d of %d training examples left out; the first because: %s",
            len(left_out),
            len(train),
            left_out[0],
        )
    return rows, [row.target.chosen[0] for row in rows if row.target]


def shuffled_batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Indices in batches of rows of like length, in an order drawn from torch's global generator."""
    order = torch.randperm(len(lengths)).tolist()
    batches = []
    for start in range(0, len(order), POOL * size):
        pool = sorted(order[start : start + POOL * size], key=lambda index: lengths[index])
        batches += [pool[first : first + size] for first in range(0, len(pool), size)]
    return [batches[place] for place in torch.randperm(len(batches)).tolist()]


def optimizer(network: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter, 2019); biases and normalisations are not decayed."""
    parameters = list(network.parameters())
    groups = [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": weight_decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate)
