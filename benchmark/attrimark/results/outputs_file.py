"""A cell's raw outputs in one safetensors file, named by the cell and the choices that it was asked for.

As in a bundle, nothing is pickled: there are arrays, and the rest is JSON in an array of bytes. A hash of all of them
and of the file's name is one array more, and is checked on read: safetensors loads a flipped byte silently, and nothing
else distinguishes the file of one cell from that of another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
from attrimark_registry.errors import AttrimarkError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .bundle import SUFFIX, write_whole
from .raw_outputs import RawOutputs

_PLAIN = ("texts", "labels", "operators", "poolings", "lengths")
_ARRAYS = tuple(each.name for each in fields(RawOutputs) if each.name not in _PLAIN)


def outputs_path(folder: Path, address: str) -> Path:
    """Where a cell's raw outputs are, or would be, in the folder of a store."""
    return folder / "outputs" / f"{address}{SUFFIX}"


def write_outputs(outputs: RawOutputs, path: Path) -> None:
    """Write them durably, in place of an earlier file; whoever looks sees the whole file or none.

    Raises:
        AttrimarkError: the folder cannot be written to, or the disk is full.
    """
    plain = json.dumps({name: getattr(outputs, name) for name in _PLAIN}).encode()
    arrays = {name: np.ascontiguousarray(getattr(outputs, name)) for name in _ARRAYS}
    arrays["plain"] = np.frombuffer(plain, dtype=np.uint8)
    write_whole(save({**arrays, "sha256": _digest(arrays, path.name)}), path)


def read_outputs(path: Path) -> RawOutputs:
    """The raw outputs of one file, exactly as they were written.

    Raises:
        AttrimarkError: there is no such file, it is a link, or its content is not what was written under that name.
    """
    again = "run the suite again to replace it"
    if path.is_symlink():
        raise AttrimarkError(f"{path} is a link, and links are not followed: {again}")
    try:
        arrays = load(path.read_bytes())
    except OSError as error:
        raise AttrimarkError(f"{path} cannot be read: {error.strerror}: {again}") from error
    except SafetensorError as error:
        raise AttrimarkError(f"{path} is corrupt ({error}): {again}") from error
    found = arrays.pop("sha256", None)
    # an earlier version hashed no name
    if found is None or not any(np.array_equal(found, _digest(arrays, name)) for name in (path.name, None)):
        raise AttrimarkError(f"{path} is corrupt: its content is not what was written under that name: {again}")
    plain = {name: tuple(each) for name, each in json.loads(arrays.pop("plain").tobytes()).items()}
    return RawOutputs(**plain, **arrays)  # pyright: ignore[reportArgumentType]


def _digest(arrays: Mapping[str, np.ndarray], file: str | None) -> np.ndarray:
    """The sha256 of the file's name, and of names, types, shapes and numbers, as 32 bytes."""
    sha256 = hashlib.sha256(f"{file}\n".encode() if file else b"")
    for name in sorted(arrays):
        each = arrays[name]
        sha256.update(f"{name} {each.dtype.name} {each.shape}\n".encode())
        sha256.update(each.tobytes())
    return np.frombuffer(sha256.digest(), dtype=np.uint8)
