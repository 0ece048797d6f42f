"""Where a number was computed, and with which versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

DISTRIBUTIONS = ("attrimark", "torch", "transformers", "tokenizers", "numpy", "safetensors")


@cache
def machine() -> Mapping[str, Any]:
    """Processor, accelerator, cores, threads and versions; no names of hosts or users."""
    import torch

    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": {name: _version(name) for name in DISTRIBUTIONS},
    }


def cores() -> int:
    """How many cores this process may use, which a scheduler or `taskset` may have made fewer than there are."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux and some others have it
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
