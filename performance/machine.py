"""Where a measurement was made: processor, accelerator, threads, versions, load and day. No names of hosts or users."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch
from attrimark.run.machine import cores


def described(distributions: tuple[str, ...]) -> dict[str, str]:
    """What a reader must know of the machine, by name.

    Args:
        distributions: whose versions are told.
    """
    return {
        "day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": f"{_processor()}, {cores()} cores",
        "threads": str(torch.get_num_threads()),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "load": f"{load():.1f} before",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in distributions),
    }


def load() -> float:
    """How many processes wanted a core, on average over the last minute; NaN where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def matrix_product_peak(device: torch.device, dtype: torch.dtype, size: int = 8192, times: int = 10) -> float:
    """Floating-point operations a second of square matrix products on an accelerator, the best of several."""
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    torch.mm(left, right)  # warm
    best = float("inf")
    for _ in range(times):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        torch.mm(left, right)
        end.record()
        torch.cuda.synchronize(device)
        best = min(best, start.elapsed_time(end) / 1000)
    return 2 * size**3 / best


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
