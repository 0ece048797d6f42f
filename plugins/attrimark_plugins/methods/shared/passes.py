"""Passes with gradients, as large as memory allows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from weakref import WeakKeyDictionary

from attrimark_registry import Model
from attrimark_registry.memory import free_cached, is_exhaustion

from .checkpointing import checkpointed

# of models whose passes once ran out of memory: the most tokens to try in one pass, and the fewest that failed
_room: WeakKeyDictionary[Model, tuple[int, int]] = WeakKeyDictionary()


def in_passes(model: Model, compute: Callable[[range], None], count: int, most: int, length: int) -> None:
    """Call `compute` on items 0 to `count` in order, `most` at a time, and on fewer once memory runs out.

    Their number is halved, down to one; where that is still too much, the blocks are checkpointed. What was found to
    fit is remembered for the model, so that no size fails twice. A pass that fails must leave nothing behind.

    Args:
        length: the tokens of an item, with its padding.

    Raises:
        MemoryError, RuntimeError: what `compute` raised with one item and checkpointed blocks.
    """
    done, lean = 0, False
    with ExitStack() as until_the_end:
        while done < count:
            fitting, failed = _room.get(model, (count * length, count * length + 1))
            if not lean and length >= failed:
                until_the_end.enter_context(checkpointed(model))
                lean = True
            some = range(done, min(done + most, done + max(1, fitting // length), count))
            try:
                compute(some)
            except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
                if not is_exhaustion(error) or lean:
                    raise
            else:
                done = some.stop
                continue
            # outside the handler, so that the failed pass's tensors are free
            free_cached()
            tried = len(some) * length
            _room[model] = (len(some) // 2 * length or tried - 1, tried)
