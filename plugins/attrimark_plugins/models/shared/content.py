"""What identifies a model's weights: the pinned reference, or a hash of all that is loaded from a folder."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from attrimark_registry import ModelSource, fetch
from attrimark_registry.assets import Reference, file_hash

from .saved_folder import shards

_TOP = ("safetensors", "json", "txt", "model", "jinja")  # the order decides nothing: files are sorted
# What _TOP leaves out of a tokenizer: other vocabularies, and the chat templates that have names.
_OTHERS = ("*.tiktoken", "*.spm", "*.codes", "*.tokenizer", "additional_chat_templates/*.jinja")
_SETTLED = 2.0  # seconds: a file written since may be written again within one tick of the file system's clock


def content(source: ModelSource, reference: str) -> str:
    """The options' hash, and for a path, whose content nothing pins, one of the options and of what is loaded from it.

    Raises:
        AttrimarkError: there is nothing at the path.
    """
    if Reference.parse(reference).scheme != "path":
        return source.digest
    folder = fetch(reference)
    top = sorted(path for ending in _TOP for path in folder.glob(f"*.{ending}") if path.is_file())
    lines = [source.digest, *(f"{path.name} {_hash(path)}" for path in top)]
    lines += [f"{path.relative_to(folder).as_posix()} {_hash(path)}" for path in sorted(set(_further(folder)) - {*top})]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _further(folder: Path) -> Iterator[Path]:
    for pattern in _OTHERS:
        yield from (path for path in folder.glob(pattern) if path.is_file())
    yield from (path for path in shards(folder) if path.is_file())


def _hash(path: Path) -> str:
    """The file's sha256, read once in a process while the file stays the same."""
    status = path.stat()
    changed = max(status.st_mtime, status.st_ctime)
    if time.time() - changed < _SETTLED:
        return file_hash(path)
    return _remembered(path.resolve(), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=4096)
def _remembered(path: Path, *state: int) -> str:
    return file_hash(path)
