"""A number for each tensor of a network, which any change of it changes: computed where the tensor is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

CHUNK = 1 << 24  # bytes at a time
MODULUS = 2**61 - 1


class Checksum(NamedTuple):
    """What is known of a tensor.

    Attributes:
        kept: whether it is saved with the network; other buffers may be caches.
    """

    shape: tuple[int, ...]
    dtype: str
    sum: int
    kept: bool

    def may_become(self, later: Checksum) -> bool:
        """Whether it is the same, or a cache that grew with a longer text."""
        return self == later or (not later.kept and self.shape != later.shape)


def checksums(network: nn.Module, other: nn.Module | None = None) -> Mapping[str, Checksum]:
    """By the tensor's name: a sum of its words, each times an odd number of its own.

    Modulo 2^64 an odd factor loses nothing, so a change of one word always shows, and one of several all but always.

    Args:
        other: a network whose tensors are left out where this one shares them.
    """
    caches = {
        f"{name}.{buffer}" if name else buffer
        for name, module in network.named_modules()
        for buffer in module._non_persistent_buffers_set
    }
    known = {id(tensor) for _, tensor in _tensors(other)} if other else frozenset[int]()
    factors: dict[torch.device, Tensor] = {}
    return {
        name: Checksum(tuple(tensor.shape), str(tensor.dtype), _sum(tensor, factors), name not in caches)
        for name, tensor in _tensors(network)
        if tensor.layout is torch.strided and not tensor.is_meta and id(tensor) not in known
    }


def _tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters, buffers, and what quantized parameters are scaled by."""
    for name, parameter in network.named_parameters():
        yield name, parameter
        yield from _states(f"{name}.quant_state", getattr(parameter, "quant_state", None))
    yield from network.named_buffers()


def _states(name: str, state: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors of bitsandbytes' state of a four-bit weight, which may be quantized in its turn."""
    for key, value in vars(state).items() if hasattr(state, "__dict__") else ():
        if isinstance(value, Tensor):
            yield f"{name}.{key}", value
        elif key == "state2":
            yield from _states(f"{name}.{key}", value)


def _sum(tensor: Tensor, factors: dict[torch.device, Tensor]) -> int:
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    total = 0
    for start in range(0, len(flat), CHUNK):
        some = flat[start : start + CHUNK]
        words = nn.functional.pad(some, (0, -len(some) % 8)).clone().view(torch.int64)  # a copy begins at a whole word
        if words.device not in factors:
            factors[words.device] = torch.arange(1, CHUNK // 4, 2, device=words.device)
        total = (total * 31 + int((words * factors[words.device][: len(words)]).sum())) % MODULUS
    return total
