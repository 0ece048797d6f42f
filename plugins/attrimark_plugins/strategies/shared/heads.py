"""Classification heads trained side by side: one stacked tensor a weight, one batched product for all seeds.

Each seed has a generator of its own, which draws in the same order whatever other seeds are there: a head comes out
the same, to rounding, alone and among others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from attrimark_plugins.models.shared.encoder_with_head import Head

from .training import adamw

LANES = 2**16  # dropout decisions that a seed draws at a time
CACHED, HELD = 2**24, 2**32  # bytes trained at once: what a CPU's cache holds, what a GPU has room for

Weights = Sequence[Tensor]  # dense layer and output layer, each [seeds, in, out] and its bias [seeds, out]
Dropped = Bool[Tensor, "seeds batch 2 dim"]  # what enters neither layer


def train_heads(
    features: Float[Tensor, "texts dim"],
    gold: Int[Tensor, " texts"],
    labels: int,
    seeds: Sequence[int],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    dropout: float,
) -> list[Head]:
    """A head for each seed, as AdamW on the cross-entropy leaves it, in evaluation mode."""
    texts, width = features.shape
    state = 16 * width * width  # weights, gradients, two moments
    at_once = max(1, (CACHED if features.device.type == "cpu" else HELD) // state)
    heads: list[Head] = []
    for start in range(0, len(seeds), at_once):
        draws = [Generator(features.device).manual_seed(seed) for seed in seeds[start : start + at_once]]
        weights = initial_weights(width, labels, draws)
        optimizer = adamw(weights[::2], weights[1::2], learning_rate, weight_decay)
        for _ in range(epochs):
            for batch, dropped in epoch(texts, width, batch_size, dropout, draws):
                scores = logits(weights, features[batch], dropped, dropout)
                # summed over seeds: a head's gradient is that of its own mean
                loss = nn.functional.cross_entropy(scores.flatten(0, 1), gold[batch].flatten(), reduction="sum")
                optimizer.zero_grad()
                (loss / batch.shape[1]).backward()
                optimizer.step()
        heads += [_head(each, dropout) for each in zip(*weights, strict=True)]
    return heads


def initial_weights(width: int, labels: int, draws: Sequence[Generator]) -> Weights:
    """Uniform within ±1/√width, as `nn.Linear` draws weights and biases."""
    bound = width**-0.5
    shapes = [(width, width), (width,), (width, labels), (labels,)]
    drawn = [
        [torch.empty(shape, device=each.device).uniform_(-bound, bound, generator=each) for shape in shapes]
        for each in draws
    ]
    return [torch.stack(each).requires_grad_() for each in zip(*drawn, strict=True)]


def epoch(
    texts: int, width: int, size: int, dropout: float, draws: Sequence[Generator]
) -> Iterator[tuple[Int[Tensor, "seeds batch"], Dropped | None]]:
    """Batches of an epoch: the texts of each seed's own order, and what its two dropout layers drop."""
    order = torch.stack([torch.randperm(texts, generator=each, device=each.device) for each in draws])
    batches_a_draw = max(1, LANES // (2 * width * size))
    for some in order.split(batches_a_draw * size, dim=1):
        shape = (some.shape[1], 2, width)
        dropped = [_dropped(shape, dropout, each) for each in draws] if dropout else []
        masks = torch.stack(dropped).split(size, dim=1) if dropout else [None] * batches_a_draw
        yield from zip(some.split(size, dim=1), masks, strict=False)


def logits(
    weights: Weights, pooled: Float[Tensor, "seeds batch dim"], dropped: Dropped | None, dropout: float
) -> Float[Tensor, "seeds batch labels"]:
    """What each seed's `Head` says of its own batch."""
    dense, dense_bias, out, out_bias = weights
    if dropped is not None:
        pooled = pooled.masked_fill(dropped[:, :, 0], 0) / (1 - dropout)
    hidden = torch.baddbmm(dense_bias.unsqueeze(1), pooled, dense).tanh()
    if dropped is not None:
        hidden = hidden.masked_fill(dropped[:, :, 1], 0) / (1 - dropout)
    return torch.baddbmm(out_bias.unsqueeze(1), hidden, out)


def _dropped(shape: tuple[int, ...], dropout: float, draws: Generator) -> Bool[Tensor, "rows 2 dim"]:
    """True with probability `dropout` (to 2⁻¹⁷): sixteen random bits each, five times as fast as `bernoulli_`."""
    count = torch.Size(shape).numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64, device=draws.device)
    bits = words.random_(-(2**63), None, generator=draws).view(torch.int16)[:count]  # all 64 bits of each word
    return (bits < round(dropout * 2**16) - 2**15).view(shape)


def _head(weights: Sequence[Tensor], dropout: float) -> Head:
    dense, dense_bias, out, out_bias = (each.detach().clone() for each in weights)
    with torch.device("meta"):  # without weights of its own, which would be drawn
        head = Head(len(dense_bias), len(out_bias), dropout)
    trained = (dense.T.contiguous(), dense_bias, out.T.contiguous(), out_bias)
    head.load_state_dict(dict(zip(head.state_dict(), trained, strict=True)), assign=True)
    return head.eval()
