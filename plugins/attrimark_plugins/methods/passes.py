"""Passes with gradients, as large as memory allows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from attrimark_registry import Model
from attrimark_registry.memory import is_exhaustion

from .checkpointing import checkpointed


def in_passes(model: Model, compute: Callable[[range], None], count: int, most: int) -> None:
    """Call `compute` on items 0 to `count` in order, `most` at a time, and on fewer once memory runs out.

    Their number is halved, down to one; where that is still too much, the blocks are checkpointed. What was found to
    fit is kept to the end of the call, so that no size fails twice. A pass that fails must leave nothing behind.

    Raises:
        MemoryError, RuntimeError: what `compute` raised with one item and checkpointed blocks.
    """
    done, lean = 0, False
    with ExitStack() as until_the_end:
        while done < count:
            some = range(done, min(done + most, count))
            try:
                compute(some)
            except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
                if not is_exhaustion(error) or (lean and len(some) == 1):
                    raise
            else:
                done = some.stop
                continue
            # outside the handler, so that the failed pass's tensors are free
            if len(some) > 1:
                most = len(some) // 2
            else:
                until_the_end.enter_context(checkpointed(model))
                lean = True
