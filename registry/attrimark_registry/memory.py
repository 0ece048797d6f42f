"""Work that is cut into smaller parts when memory runs out, with the same numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

Item = TypeVar("Item")

# what allocators, drivers and libraries say; "memory format" and "illegal memory access" are other errors
_EXHAUSTED = re.compile(
    r"out[ _-]?of[ _-]?((device|host|gpu|system)[ _-]?)?memory(?! (bound|range))"  # CUDA, HIP, MPS, XPU, XLA
    r"|(can't|cannot|could not|unable to|failed to) allocate (\S+ ){0,6}memory"
    r"|not enough memory"
    r"|(cuBLAS|cuDNN|cuSOLVER|cuSPARSE|hipBLAS|miopen)\w*alloc_?failed|cuFFT_alloc_failed"
    r"|cudaErrorMemoryAllocation|rocblas_status_memory_error"
    r"|(UR_RESULT|PI)_ERROR_OUT_OF_RESOURCES"
    r"|invalid buffer size"  # MPS: one tensor larger than the device allows
    r"|std::bad_alloc",
    re.IGNORECASE,
)


def is_exhaustion(error: BaseException) -> bool:
    """Whether an error says that memory ran out: on an accelerator, on the CPU, or in Python itself."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and _EXHAUSTED.search(str(error)) is not None
    )


def smaller_on_exhaustion(
    compute: Callable[[Sequence[Item]], None],
    items: Sequence[Item],
    shrunk: Callable[[int], None] = lambda count: None,
) -> None:
    """Compute all items in order: at once or, where memory runs out, half, a quarter, … of them at a time, down to one.

    No number of items that failed is tried again.

    Args:
        shrunk: called at each halving with the number of items that is tried next, so that a caller can remember to
            ask for less.

    Raises:
        MemoryError, RuntimeError: what `compute` raised with one item, or for another reason than memory.
    """
    done, most = 0, len(items)
    while done < len(items):
        some = items[done : done + most]
        try:
            compute(some)
        except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
            if len(some) == 1 or not is_exhaustion(error):
                raise
        else:
            done += len(some)
            continue
        # outside the handler, so that the failed attempt's tensors are free
        free_cached()
        most = -(-len(some) // 2)
        shrunk(most)


def free_cached() -> None:
    """Return to the GPU what torch keeps for later: libraries that allocate by themselves (cuBLAS, cuDNN) need it."""
    torch.cuda.empty_cache()  # does nothing where CUDA is not in use
