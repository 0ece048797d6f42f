"""The most memory that a piece of work holds at once.

On a GPU the allocator knows. On a CPU no allocator tells, so tensors are counted as operations make them and as they
are freed: the same number on every machine, without what a kernel allocates and frees inside of itself.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


@dataclass
class Peak:
    """Bytes above those held before; known when the context has ended.

    Attributes:
        slows: whether counting takes time of its own, so that the work's seconds mean nothing.
    """

    slows: bool
    bytes: int = 0


@contextmanager
def peak_of_memory(device: torch.device) -> Iterator[Peak]:
    """The peak until the context ends, over this device's tensors (on a CPU: over those of this thread)."""
    peak = Peak(slows=device.type != "cuda")
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.bytes = torch.cuda.max_memory_allocated(device) - before
    else:
        with _Counting() as counting:
            yield peak
        peak.bytes = counting.most


class _Counting(TorchDispatchMode):
    """Adds up the storages of the tensors that operations make, for as long as each lives."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._living: dict[int, Any] = {}  # by a storage's address, what tells of its end
        self._makes: dict[Any, bool] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if self._makes_tensors(func):
            for each in made if isinstance(made, (tuple, list)) else (made,):
                if isinstance(each, torch.Tensor):
                    self._add(each.untyped_storage())
        return made

    def _makes_tensors(self, func: Any) -> bool:
        """Whether an operation returns new tensors: a view or a tensor changed in place holds nothing of its own."""
        if func not in self._makes:
            self._makes[func] = any(each.alias_info is None for each in func._schema.returns)
        return self._makes[func]

    def _add(self, storage: Any) -> None:
        place, size = storage._cdata, storage.nbytes()
        if place not in self._living:
            self._living[place] = weakref.ref(storage, lambda _: self._drop(place, size))
            self.now += size
            self.most = max(self.most, self.now)

    def _drop(self, place: int, size: int) -> None:
        del self._living[place]
        self.now -= size
