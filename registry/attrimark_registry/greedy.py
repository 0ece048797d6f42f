"""Greedy decoding: the most probable continuation, token by token, of rows of any lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Int
from torch import Tensor

from .causal import log_probabilities
from .encoding import Batch, Encoded, Target
from .tree_trial import allows_trees

if TYPE_CHECKING:
    from .model import Model

Following = Callable[[Int[Tensor, "batch written"]], Int[Tensor, " batch"]]


def limits_of(model: Model, rows: Sequence[Encoded], most: int) -> list[int]:
    """How many tokens may follow each row: `most`, or fewer where the network takes no more."""
    return [min(most, model.longest - len(row)) for row in rows]


def keeps_state(model: Model, rows: Sequence[Encoded]) -> bool:
    """Whether the network continues rows from keys and values as it does from their tokens: tried on the longest."""
    longest = max(rows, key=len)
    # a writer that has written nothing yet is tried on any token
    return allows_trees(model, longest if model.labels or longest.target else longest.aimed_at(Target((0,), (0,))))


@torch.no_grad()
def greedy(model: Model, rows: Sequence[Encoded], most: Sequence[int], cached: bool) -> list[list[int]]:
    """The most probable continuation of each row; ends before the end-of-text token.

    Args:
        most: how many tokens are written at most, row by row; see `limits_of`.
        cached: keep keys and values from one token to the next; only where the network takes them (`keeps_state`).
    """
    written: dict[int, list[int]] = {}
    for group in model.sharing(rows):
        some = _together(model, [rows[index] for index in group], [most[index] for index in group], cached)
        written.update(zip(group, some, strict=True))
    return [written[index] for index in range(len(rows))]


def _together(model: Model, rows: Sequence[Encoded], most: Sequence[int], cached: bool) -> list[list[int]]:
    batch, stop = model.collate(rows), model.tokenizer.eos_token_id
    following = _with_cache(model, batch) if cached else _anew(model, batch)
    left = torch.tensor(most, device=model.device)
    written = batch.input_ids.new_empty((len(rows), 0))
    while (left > 0).any():
        # rows that go on have as many tokens each, and those that have ended are padded
        token = torch.where(left > 0, following(written), -1)
        left = left - 1 if stop is None else torch.where(token == stop, 0, left - 1)
        written = torch.cat([written, token[:, None]], dim=1)
    ends = {-1, stop}
    return [list(takewhile(lambda token: token not in ends, ids)) for ids in written.tolist()]


def _anew(model: Model, batch: Batch) -> Following:
    """Every token is computed again for each one that follows."""
    embeddings = model.embed(batch) if batch.averaged.any() else None
    return lambda written: log_probabilities(model, batch, written, 1, embeddings)[:, -1].argmax(-1)


def _with_cache(model: Model, batch: Batch) -> Following:
    """Every token is computed once; to be called with one token more each time."""
    cache: Any = None

    def following(written: Int[Tensor, "batch written"]) -> Int[Tensor, " batch"]:
        nonlocal cache
        count = written.shape[1]
        mask = torch.cat([batch.attention_mask, torch.ones_like(written)], dim=1)
        if count:
            # past its own end a row may have no positions left, and nobody reads what it would write
            positions = (batch.position_ids[:, -1:] + count).clamp(max=model.longest - 1)
            inputs = {"input_ids": written[:, -1:].clamp(min=0)}
        else:
            positions = batch.position_ids
            inputs = {"inputs_embeds": model.embed(batch)} if batch.averaged.any() else {"input_ids": batch.input_ids}
        made = model.network(
            **inputs,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache = made.past_key_values
        return made.logits[:, -1].argmax(-1)

    return following
