"""Word embeddings of a network: their mean over the vocabulary, and others put in the place of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .errors import Unsupported

WORDS_AT_ONCE = 8192  # looked up together: a vocabulary of embeddings is not held twice


@torch.no_grad()
def mean_embedding(table: Any) -> Float[Tensor, " dim"]:
    """The mean of what the table returns for all its ids, in float32.

    Of what it returns, not of its weights: tables may scale what they look up (Gemma's by √dim), or add an adapter.
    """
    if type(table) is nn.Embedding:
        return table.weight.float().mean(0)
    ids = torch.arange(table.weight.shape[0], device=table.weight.device)
    total = sum(table(some[None])[0].double().sum(0) for some in ids.split(WORDS_AT_ONCE))
    return (total / len(ids)).float()  # pyright: ignore[reportAttributeAccessIssue]


@contextmanager
def looked_up_as(table: nn.Module, embeddings: Float[Tensor, "batch tokens dim"]) -> Iterator[None]:
    """The table returns these embeddings, once: for networks that find the words in their ids (to see which is the
    last, say), or that take no embeddings.

    Raises:
        Unsupported: at the end, where the network looked words up more or less than once, or as many as there are not.
    """
    calls = 0

    def put_in(module: nn.Module, given: Any, returned: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        padding = returned[:, embeddings.shape[1] :]  # Longformer pads rows to whole windows
        if returned.shape[::2] != embeddings.shape[::2]:
            raise Unsupported("the network looks up other words than the row's, so embeddings cannot stand in for them")
        return torch.cat([embeddings.to(returned.dtype), padding], dim=1)

    hook = table.register_forward_hook(put_in)
    try:
        yield
    finally:
        hook.remove()
    if calls != 1:
        raise Unsupported(f"the network looks its words up {calls} times, so embeddings cannot stand in for them")
