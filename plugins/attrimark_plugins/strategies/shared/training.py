"""What strategies share: the network to train, labelled rows, batches of like length, seeds, and gradient descent."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, final

import torch
from attrimark_registry import (
    AttrimarkError,
    Batch,
    Classifier,
    Encoded,
    Example,
    Model,
    Strategy,
    Target,
    Unsupported,
    Writer,
)
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from attrimark_plugins.models.shared.encoder_with_head import EncoderWithHead

log = logging.getLogger("attrimark.training")

POOL = 50  # batches whose rows are sorted together: long enough to pad little, short enough to stay random

Precision = Literal["auto", "float32", "bfloat16"]


class Descent(Strategy, ABC):
    """Strategies that train by AdamW with a linear warm-up and a linear decay; they differ in what they train.

    A classifier is trained on its labels, a prompt classifier on its labels' answers compared, a writer on the
    tokens of its references.

    Options:
        warm_up: share of the steps in which the learning rate rises.
        clipping: largest norm of the gradient.
        precision: of products, never of weights or of the loss; "auto" is bfloat16 on a GPU that has it.
    """

    epochs: int = Field(default=2, ge=1)
    learning_rate: float = Field(default=2e-5, gt=0)
    batch_size: int = Field(default=16, ge=1)
    weight_decay: float = Field(default=0.01, ge=0)
    warm_up: float = Field(default=0.1, ge=0, le=1)
    clipping: float = Field(default=1.0, gt=0)
    precision: Precision = "auto"

    def origin(self, model: Model) -> Model:
        """The model that training starts from, the same for all seeds.

        Raises:
            Unsupported: this strategy cannot train such a model.
        """
        return model

    @abstractmethod
    def begin(self, origin: Model) -> Model:
        """A new model in which exactly the parameters to be trained have gradients.

        New weights are drawn from torch's global generator.
        """

    @final
    def fine_tune(self, model: Model, train: Sequence[Example], seeds: Sequence[int]) -> list[Model]:
        """A model for each seed.

        Raises:
            Unsupported: this strategy cannot train such a model.
            AttrimarkError: no example can be trained on.
        """
        origin = self.origin(model)
        rows = gold_rows(origin, train)
        return [self._trained(origin, rows, seed) for seed in seeds]

    @final
    def blank(self, model: Model) -> Model:
        return self._trained(self.origin(model), [], 0)

    def _trained(self, origin: Model, rows: Sequence[Encoded], seed: int) -> Model:
        with seeded(seed, origin.device):
            model = self.begin(origin)
            if rows:
                descend(model, rows, self)
        model.network.zero_grad()
        model.network.eval()
        return model


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global generators under `seed`, put back at the end: layers and dropout draw from no other."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def classifier_with_head(model: Model, strategy: str) -> tuple[Classifier, EncoderWithHead]:
    """The model, and its network with a head that may be replaced; the network's weights are not copied.

    Raises:
        Unsupported: the model is a causal one, its head gives no softmax of labels, or its network does not say which
            part is the encoder.
    """
    if not isinstance(model, Classifier):
        raise Unsupported(
            f'strategy "{strategy}" trains a classification head, and a {type(model).__name__} has none: '
            'use strategy "none", "full" or "lora", or an encoder'
        )
    model.require_one_of_labels()
    if isinstance(model.network, EncoderWithHead):
        return model, model.network
    encoder = getattr(model.network, "base_model", None)
    if encoder is None or encoder is model.network:
        raise Unsupported(
            f'strategy "{strategy}" does not know the encoder inside a {type(model.network).__name__}: '
            "give it an EncoderWithHead, or one of transformers' sequence classifiers"
        )
    with seeded(0, model.device):  # a head's place only: each seed draws its own
        pooling = "last" if _is_causal(encoder, model.device) else "first"
        network: Any = EncoderWithHead(encoder, len(model.labels), pooling).to(model.device)
    network.is_loaded_in_4bit = getattr(model.network, "is_loaded_in_4bit", False)
    return model, network


@torch.no_grad()
def _is_causal(encoder: Any, device: torch.device) -> bool:
    """Whether the first token's last state does not depend on what follows, so that no head could learn from it."""
    training = encoder.training
    encoder.eval()
    states = encoder(input_ids=torch.tensor([[1, 2, 3], [1, 3, 2]], device=device)).last_hidden_state
    encoder.train(training)
    return bool(torch.allclose(states[0, 0], states[1, 0], rtol=1e-4, atol=1e-6))


def to_train(model: Model, strategy: str) -> nn.Module:
    """The network that is to be trained: a classifier's with a head of ours, any other as it is; no weight is copied.

    Raises:
        Unsupported: it is a classifier's, and does not say which part is the encoder.
    """
    return classifier_with_head(model, strategy)[1] if isinstance(model, Classifier) else model.network


def fine_tuned(model: Model, network: nn.Module, tuned: Iterable[str]) -> Model:
    """What `model` becomes around another network, of which it is the pretrained twin.

    Args:
        tuned: names of the parameters that fine-tuning moves.

    Raises:
        Unsupported: what the model computes is altered while it is used, as by α-scaling.
    """
    if model.altered:
        raise Unsupported("an α-scaled model is not trained any further: let scaled be the last step of the chain")
    new = inside(model, network)
    new.pretrained, new.tuned = model, frozenset(tuned)
    return new


def inside(model: Model, network: nn.Module) -> Model:
    """The model around a network that may be of another kind; a layer is packed if its weight is a packed layer's."""
    packings = {
        parameter.data_ptr(): model.packed[name]
        for name, parameter in model.network.named_parameters()
        if name in model.packed
    }
    packed = {
        name: packings[parameter.data_ptr()]
        for name, parameter in network.named_parameters()
        if parameter.data_ptr() in packings
    }
    if not isinstance(model, Classifier):
        return model.around(network, packed)
    new = Classifier(network, model.tokenizer, model.labels)  # what one remembers of its network holds for one kind
    new.packed = packed
    return new


def gold_rows(model: Model, train: Sequence[Example]) -> list[Encoded]:
    """Rows that aim at their label, or a writer's at their reference and its end.

    What cannot be encoded, or has no target that the model knows, is left out with a warning.

    Raises:
        AttrimarkError: nothing is left.
    """
    rows, left_out = [], []
    for example in train:
        try:
            (row,) = model.decide([model.encode(example)], "gold")
            row = _with_its_end(row, model)
            _refuse_longer(row, model)
            rows.append(row)
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
    return rows


def _with_its_end(row: Encoded, model: Model) -> Encoded:
    """A writer's row that aims at the end-of-text token too: else it would never learn when to stop."""
    end = model.tokenizer.eos_token_id
    if not isinstance(model, Writer) or row.target is None or end is None:
        return row
    ids = (*row.target.ids, end)
    return row.aimed_at(Target(tuple(range(len(ids))), ids))


def _refuse_longer(row: Encoded, model: Model) -> None:
    """Raises Unsupported where the text fits into the model, and with its reference does not."""
    length = max(model.lengths(row))
    if length > model.longest:
        raise Unsupported(
            f"example {row.example.id}: with its reference, it has {length} tokens and the model takes {model.longest}"
        )


def descend(model: Model, rows: Sequence[Encoded], recipe: Descent) -> None:
    """Train the parameters that have gradients; order and dropout are drawn from torch's global generators."""
    model.network.train()
    trained = [each for each in model.network.parameters() if each.requires_grad]
    optimizer = adamw(
        [each for each in trained if each.ndim > 1],
        [each for each in trained if each.ndim <= 1],
        recipe.learning_rate,
        recipe.weight_decay,
    )
    steps = recipe.epochs * -(-len(rows) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps, recipe.warm_up))
    lengths = [len(row) for row in rows]
    for _ in range(recipe.epochs):
        for chosen in shuffled_batches(lengths, recipe.batch_size):
            batch = model.collate([rows[index] for index in chosen])
            with autocast(model.device, recipe.precision):
                outputs = model.outputs(batch)
            optimizer.zero_grad()
            loss(model, batch, outputs).backward()
            nn.utils.clip_grad_norm_(trained, recipe.clipping)
            optimizer.step()
            schedule.step()


def loss(model: Model, batch: Batch, outputs: Float[Tensor, "batch outputs"]) -> Float[Tensor, ""]:
    """Cross-entropy of the labels; for a writer, the mean of −log p over the tokens of the references."""
    targets = [row.target for row in batch.rows if row.target]
    if not model.labels:
        return -outputs.sum() / sum(len(target.ids) for target in targets)
    gold = torch.tensor([target.chosen[0] for target in targets], device=outputs.device)
    return nn.functional.cross_entropy(outputs, gold)


def rate(step: int, steps: int, warm_up: float) -> float:
    """The share of the learning rate at a step: up to 1 at the end of the warm-up, then down to 0."""
    rising = warm_up * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return (steps - step) / max(1.0, steps - rising)


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Products in bfloat16 where that is asked for, or is the device's own."""
    # a CPU is left at float32: its bfloat16 is another one on every machine
    if precision == "auto":
        native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = precision == "bfloat16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=native)


def trainable(network: nn.Module) -> list[str]:
    """Names of the parameters that have gradients."""
    return [name for name, parameter in network.named_parameters() if parameter.requires_grad]


def shuffled_batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Indices in batches of rows of like length, in an order drawn from torch's global generator."""
    order = torch.randperm(len(lengths)).tolist()
    batches = []
    for start in range(0, len(order), POOL * size):
        pool = sorted(order[start : start + POOL * size], key=lambda index: lengths[index])
        batches += [pool[first : first + size] for first in range(0, len(pool), size)]
    return [batches[place] for place in torch.randperm(len(batches)).tolist()]


def adamw(
    matrices: Iterable[Tensor], vectors: Iterable[Tensor], learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter, 2019); biases and normalisations, the `vectors`, are not decayed."""
    groups = [
        {"params": list(matrices), "weight_decay": weight_decay},
        {"params": list(vectors), "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate, fused=True)
