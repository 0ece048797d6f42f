"""A device apart from the machine's memory, as a GPU is, made of that memory: for tests where there is no GPU.

Its tensors compute what tensors in memory compute, but are no NumPy arrays, and none of them meets a tensor in memory
but a single number: what a GPU would refuse is an error here too. Torch has a device in name only, "meta", whose
tensors hold no numbers; this one goes by that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

APART = "meta"
INDEXING = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default, torch.ops.aten._index_put_impl_.default}


@contextmanager
def a_device_apart() -> Iterator[str]:
    """The device's name, while it is there."""
    autocast = torch.autocast
    with ExitStack() as there:
        there.enter_context(_Operations())
        there.enter_context(_Construction())
        there.enter_context(patch.object(torch, "autocast", lambda kind, **how: autocast(_named(kind), **how)))
        there.enter_context(patch("attrimark_plugins.strategies.shared.heads.Generator", _generator))
        # torch knows no fused optimizer for a device that holds no numbers
        there.enter_context(patch("torch.optim.adam._device_dtype_check_for_fused", lambda parameter, *_: None))
        yield APART


class _Generator(torch.Generator):
    """Draws on the device."""

    device = torch.device(APART)  # pyright: ignore[reportIncompatibleMethodOverride]


class Apart(Tensor):
    """A tensor on the device; `within` holds its numbers."""

    within: Tensor

    @staticmethod
    def __new__(cls, within: Tensor) -> Apart:
        made = Tensor._make_wrapper_subclass(
            cls,
            within.shape,
            strides=within.stride(),
            storage_offset=within.storage_offset(),
            dtype=within.dtype,
            device=APART,
        )
        made.within = within
        return made

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(operation, args, kwargs or {})


class _Operations(TorchDispatchMode):
    """Whatever is computed, also of nothing that is on the device yet (`torch.zeros`)."""

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(operation, args, kwargs or {})


class _Construction(TorchFunctionMode):
    """What torch does for the meta device before it computes anything: tensors made of lists, and lists of tensors."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if function is Tensor.tolist and isinstance(args[0], Apart):
            return args[0].within.tolist()
        if function in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[0], Apart):
            # a tuple is no pytree here: its parts are places
            places = args[1] if isinstance(args[1], tuple) else (args[1],)
            places = tuple(torch.tensor(place).to(APART) if isinstance(place, list) else place for place in places)
            return function(args[0], places, *args[2:])
        if function is Tensor.new_tensor:
            like, args = args[0], args[1:]
            kwargs = {"device": like.device, "dtype": like.dtype, **kwargs}
            function = torch.tensor
        if function is torch.tensor:
            device = kwargs.pop("device", None)
            made = function(*args, **kwargs)
            return made if device is None else made.to(device)
        return function(*args, **kwargs)


def _computed(operation: Any, args: Any, kwargs: Any) -> Any:
    tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
    here = [each for each in tensors if isinstance(each, Apart)]
    device = kwargs.get("device")
    ends_here = bool(here) if device is None else torch.device(device).type == APART
    if any(each.device.type == APART for each in tensors if not isinstance(each, Apart)):
        raise RuntimeError(f"{operation}: a tensor without numbers")
    if not here and not ends_here:
        return operation(*args, **kwargs)
    elsewhere = [each for each in tensors if not isinstance(each, Apart) and each.ndim]
    moves = device is not None or operation is torch.ops.aten.copy_.default
    if here and elsewhere and not moves and operation not in INDEXING:  # a GPU takes places that are in memory
        raise RuntimeError(f"{operation}: tensors on two devices")
    found = operation(*tree_map(_within, args), **tree_map(_within, kwargs))
    if not ends_here:
        return found
    found = tree_map(lambda each: Apart(each) if isinstance(each, Tensor) else each, found)
    return return_and_correct_aliasing(operation, args, kwargs, found) if here else found


def _within(each: Any) -> Any:
    if isinstance(each, torch.device) and each.type == APART:
        return torch.device("cpu")
    return each.within if isinstance(each, Apart) else each


def _generator(device: str | torch.device) -> torch.Generator:
    return _Generator() if torch.device(device).type == APART else torch.Generator(device)


def _named(device: str | torch.device) -> str:
    kind = torch.device(device).type
    return "cpu" if kind == APART else kind
