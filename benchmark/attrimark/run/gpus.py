"""The GPUs that this process sees, by the names that CUDA_VISIBLE_DEVICES has for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import takewhile

from attrimark_registry.errors import AttrimarkError

VARIABLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> tuple[str, ...]:
    """A name for each GPU that torch can use here."""
    import torch

    return named(torch.cuda.device_count(), os.environ)


def named(count: int, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Names of `count` GPUs: as the environment lists them (numbers, or UUIDs), else their numbers.

    Like CUDA, ignores what follows the first entry that names no GPU, so that "", "-1" and "NoDevFiles" hide them all.
    """
    listed = environment.get(VARIABLE)
    if listed is None:
        return tuple(map(str, range(count)))
    names = tuple(takewhile(_names_a_gpu, (entry.strip() for entry in listed.split(","))))
    # of several MIG instances CUDA shows a process the first alone, and another process whichever it names
    return names if count and names[:1] and names[0].startswith("MIG-") else names[:count]


def require_gpu() -> None:
    """Raises AttrimarkError, with the reason and the remedy, where no GPU can be used."""
    if visible_gpus():
        return
    import torch

    if not torch.backends.cuda.is_built():
        reason = "this torch is built without CUDA: install a build with it"
    elif VARIABLE in os.environ:
        reason = f"{VARIABLE}={os.environ[VARIABLE]!r} names none that is there: unset it, or name one"
    else:
        reason = "torch finds none: check the driver"
    raise AttrimarkError(f"--device cuda: no GPU; {reason}, or run with --device cpu")


def _names_a_gpu(entry: str) -> bool:
    return entry.isdecimal() or entry.startswith(("GPU-", "MIG-"))
