"""Prompts, continuations and forward passes shared by the two kinds of causal model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .encoding import PROTECTED, Batch
from .errors import AttrimarkError
from .reading import at_least_float32
from .text import Example

SLOT = "{text}"


def split_prompt(prompt: str, segments: int = 1) -> tuple[str, ...]:
    """The constant pieces around the slots `{text}` (and `{text2}` for pairs).

    Raises:
        AttrimarkError: a slot is missing, stands twice, or the slots stand in another order.
    """
    pieces, rest = [], prompt
    for slot in (SLOT, "{text2}")[:segments]:
        if rest.count(slot) != 1:
            raise AttrimarkError(f"the prompt must hold {slot} exactly once: {prompt!r}")
        before, rest = rest.split(slot)
        pieces.append(before)
    return (*pieces, rest)


def as_chat(tokenizer, prompt: str) -> str:
    """The prompt as a user's turn of the tokenizer's chat template, ready for the assistant's answer.

    Raises:
        AttrimarkError: the tokenizer has no chat template.
    """
    if not tokenizer.chat_template:
        raise AttrimarkError("this tokenizer has no chat template: set chat = false")
    turns = [{"role": "user", "content": prompt}]
    return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


def place_text(
    tokenizer, example: Example, pieces: Sequence[str], add_special_tokens: bool
) -> tuple[list[int], list[tuple[int, int, int]], bool]:
    """Ids of the filled prompt, each token's place in the text, and whether a token straddles text and prompt."""
    filled, spans = pieces[0], []
    for segment, after in zip(example.segments, pieces[1:], strict=True):
        spans.append((len(filled), len(filled) + len(segment)))
        filled += segment + after
    encoding = tokenizer(filled, return_offsets_mapping=True, add_special_tokens=add_special_tokens, verbose=False)
    places, straddles = [], False
    for start, end in encoding["offset_mapping"]:
        place = (PROTECTED, 0, 0)
        for segment, (first, last) in enumerate(spans):
            inside = min(end, last) - max(start, first)
            # a token of blanks only that reaches out of the text is the prompt's, such as the space before it
            if inside > 0 and filled[max(start, first) : min(end, last)].strip():
                place = (segment, max(start, first) - first, min(end, last) - first)
                straddles |= bool(filled[start:first].strip() or filled[last:end].strip())
            elif inside == end - start > 0:
                place = (segment, start - first, end - first)
        places.append(place)
    return encoding["input_ids"], places, straddles


def continuation_ids(tokenizer, prompt: str, continuation: str, add_special_tokens: bool) -> tuple[int, ...]:
    """The tokens that follow the prompt's own when the continuation is written after it."""
    before = tokenizer(prompt, add_special_tokens=add_special_tokens, verbose=False)["input_ids"]
    both = tokenizer(prompt + continuation, add_special_tokens=add_special_tokens, verbose=False)["input_ids"]
    if both[: len(before)] == before and len(both) > len(before):
        return tuple(both[len(before) :])
    # the boundary merges: the model is made to write the continuation's own tokens
    return tuple(tokenizer(continuation, add_special_tokens=False, verbose=False)["input_ids"])


def log_probabilities(
    network: torch.nn.Module, batch: Batch, tails: Tensor, keep: int, embeddings: Tensor | None
) -> Float[Tensor, "batch keep vocabulary"]:
    """Next-token log-probabilities at the last `keep` positions of each row with its tail appended.

    Args:
        tails: ids appended on the right, [batch, tail], −1 where a row's tail is shorter (its end is padding).
        embeddings: of the rows without their tails, in place of `input_ids`.
    """
    present = tails >= 0
    filled = tails.clamp(min=0)
    steps = torch.arange(1, tails.shape[1] + 1, device=tails.device)
    mask = torch.cat([batch.attention_mask, present.long()], dim=1)
    positions = torch.cat([batch.position_ids, batch.position_ids[:, -1:] + steps], dim=1)
    if embeddings is None:
        inputs = {"input_ids": torch.cat([batch.input_ids, filled], dim=1)}
    else:
        written = network.get_input_embeddings()(filled)  # pyright: ignore[reportCallIssue]
        inputs = {"inputs_embeds": torch.cat([embeddings, written], dim=1)}
    logits = network(**inputs, attention_mask=mask, position_ids=positions, logits_to_keep=keep, use_cache=False).logits
    return at_least_float32(logits).log_softmax(-1)


def greedy(network: torch.nn.Module, batch: Batch, most: int, stop: set[int]) -> list[list[int]]:
    """The most probable continuation, token by token, of at most `most` tokens; stops after a `stop` token."""
    written = torch.empty((len(batch), 0), dtype=torch.long, device=batch.input_ids.device)
    going = np.ones(len(batch), dtype=bool)
    for _ in range(most):
        following = log_probabilities(network, batch, written, 1, None)[:, -1].argmax(-1, keepdim=True)
        written = torch.cat([written, following], dim=1)
        going &= ~np.isin(following[:, 0].cpu().numpy(), list(stop))
        if not going.any():
            break
    return [_until(line, stop) for line in written.tolist()]


def _until(ids: list[int], stop: set[int]) -> list[int]:
    ends = [place for place, token in enumerate(ids) if token in stop]
    return ids[: ends[0]] if ends else ids
