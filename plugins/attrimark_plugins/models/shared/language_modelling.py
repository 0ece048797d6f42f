"""Pre-training of a small decoder: every token is predicted from those before it (Radford et al., 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WARM_UP = 0.1  # share of the steps
CLIPPING = 1.0  # largest norm of the gradient
NO_TARGET = -100  # of cross-entropy: padding is not predicted


def pretrain(
    network: Any,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    epochs: int,
    learning_rate: float,
    batch_size: int,
    after: str | None = None,
) -> None:
    """Train the network in place, without dropout; the order comes from torch's global generator.

    Args:
        after: only what follows the first such string of a text is predicted; all of it by default.
    """
    rows = [torch.tensor(tokenizer(text)["input_ids"]) for text in texts]
    given = [len(tokenizer(text[: text.index(after) + len(after)])["input_ids"]) if after else 1 for text in texts]
    network.eval()
    adamw = torch.optim.AdamW(network.parameters(), lr=learning_rate)
    steps = epochs * -(-len(texts) // batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        adamw, lambda step: min((step + 1) / (WARM_UP * steps), (steps - step) / ((1 - WARM_UP) * steps), 1.0)
    )
    for _ in range(epochs):
        for batch in torch.randperm(len(rows)).split(batch_size):
            # padded on the right, where no causal token looks
            ids = nn.utils.rnn.pad_sequence([rows[row] for row in batch.tolist()], True, NO_TARGET)
            first = torch.tensor([given[row] for row in batch.tolist()])[:, None]
            targets = ids.masked_fill(torch.arange(ids.shape[1]) < first, NO_TARGET)
            logits = network(input_ids=ids.clamp(min=0), use_cache=False).logits
            adamw.zero_grad()
            nn.functional.cross_entropy(
                logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten(), ignore_index=NO_TARGET
            ).backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIPPING)
            adamw.step()
            schedule.step()
    network.zero_grad()
