"""Work that is cut into halves when memory runs out, with the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

Item = TypeVar("Item")


def is_exhaustion(error: BaseException) -> bool:
    """Whether an error says that memory ran out: on a GPU, on the CPU, or in Python itself."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def smaller_on_exhaustion(
    compute: Callable[[Sequence[Item]], None], items: Sequence[Item], shrunk: Callable[[], None] = lambda: None
) -> None:
    """Compute all items at once or, where memory runs out, in halves, quarters, … down to one at a time.

    `shrunk` is called at each halving, so that a caller can remember to ask for less next time.
    """
    try:
        compute(items)
        return
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if len(items) == 1 or not is_exhaustion(error):
            raise
    # outside the handler, so that the failed attempt's tensors are free
    shrunk()
    middle = len(items) // 2
    for half in (items[:middle], items[middle:]):
        smaller_on_exhaustion(compute, half, shrunk)
