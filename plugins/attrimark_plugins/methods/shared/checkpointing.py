"""Activation checkpointing: blocks that are computed twice, so that less is kept. Chen et al., arXiv 1604.06174."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from attrimark_registry import Model
from attrimark_registry.architecture import distinct
from torch import nn
from torch.utils.checkpoint import checkpoint


@contextmanager
def checkpointed(model: Model) -> Iterator[None]:
    """Of each block only the input is kept for the way back, where the block is computed again: the same numbers.

    Works on the blocks themselves, whatever they are made of: transformers' own switch does nothing in evaluation
    mode. Take the gradient inside the context.

    Raises:
        Unsupported: the blocks are not found.
    """
    with ExitStack() as undone:
        for block in distinct(model.blocks()):
            undone.enter_context(_computed_twice(block))
        yield


@contextmanager
def _computed_twice(block: nn.Module) -> Iterator[None]:
    """On the block alone: its hooks stand outside, and see one pass."""
    found = vars(block).get("forward")  # an instance's own, as other patches leave it, or None
    block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    try:
        yield
    finally:
        if found is None:
            del block.forward
        else:
            block.forward = found
