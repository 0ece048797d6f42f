"""Weights in one safetensors file with a hash of all of them and of the file's name.

safetensors by itself loads a flipped byte silently, and nothing else tells the file of one seed from that of another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from attrimark_registry.errors import AttrimarkError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from attrimark.results.bundle import write_whole


def keep_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write them durably; whoever looks sees the whole file or none.

    Raises:
        AttrimarkError: the folder cannot be written to, or the disk is full.
    """
    moved = {name: weights[name].detach().cpu().contiguous() for name in sorted(weights)}
    write_whole(save(moved, metadata={"sha256": _hash(moved, path.name)}), path)


def kept_weights(path: Path) -> Mapping[str, Tensor]:
    """Exactly those that were written.

    Raises:
        AttrimarkError: the file cannot be read, or its content is not what was written under that name.
    """
    try:
        with safe_open(path, "pt") as file:
            known = (file.metadata() or {}).get("sha256")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise AttrimarkError(f"{path} cannot be read: {error}") from error
    if known is None:
        raise AttrimarkError(f"{path} has no hash, which an earlier version did not write")
    if all(known != _hash(weights, name) for name in (path.name, None)):  # an earlier version hashed no name
        raise AttrimarkError(f"{path} is corrupt: its weights are not those that were written under that name")
    return weights


def _hash(weights: Mapping[str, Tensor], file: str | None) -> str:
    sha256 = hashlib.sha256(f"{file}\n".encode() if file else b"")
    for name in sorted(weights):
        tensor = weights[name]
        sha256.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha256.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha256.hexdigest()
