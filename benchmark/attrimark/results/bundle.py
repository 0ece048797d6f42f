"""A cell's attributions in one safetensors file, named by its sha256.

safetensors checks the header only and loads a flipped byte of the scores silently; so the name is checked on
read. Nothing is pickled: scores are flat arrays, one for each dtype, and the rest is JSON in an array of
bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from attrimark_registry.attribution import Attribution, Cost
from attrimark_registry.encoding import Target
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.text import Example, Feature, Span
from safetensors.numpy import load, save

SUFFIX = ".safetensors"


def write_bundle(attributions: Sequence[Attribution], folder: Path) -> Path:
    """Write all attributions into one new file of `folder`, durably, and give its path.

    Whoever looks sees the whole file or none: it is written under another name, synced, then renamed.

    Raises:
        AttrimarkError: the folder cannot be written to, or the disk is full; no partial file is left.
    """
    content = _packed(attributions)
    path = folder / f"{hashlib.sha256(content).hexdigest()}{SUFFIX}"
    write_whole(content, path)
    return path


def read_bundle(path: Path) -> list[Attribution]:
    """The attributions of one file, exactly as they were written.

    Raises:
        AttrimarkError: there is no such file, it is a link, or its content is not what its name says.
    """
    return _unpacked(checked(path))


def write_whole(content: bytes, path: Path) -> None:
    """Write a file that whoever looks sees whole or not at all.

    Raises:
        AttrimarkError: the folder cannot be written to, or the disk is full; no partial file is left.
    """
    partial = path.parent / f"{secrets.token_hex(16)}.partial"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # "x" neither overwrites nor follows a link
        with open(partial, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        move(partial, path)
    except OSError as error:
        raise AttrimarkError(f"{path.parent}: {path.name} could not be written: {error.strerror}") from error
    finally:
        with suppress(OSError):  # renamed, or never made
            partial.unlink()


def checked(path: Path) -> bytes:
    """The content of a bundle, which has the hash that its name says.

    Raises:
        AttrimarkError: as `read_bundle`.
    """
    if path.is_symlink():
        raise AttrimarkError(f"{path} is a link, and links are not followed; run again to replace it")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AttrimarkError(f"{path} cannot be read: {error.strerror}; run again to replace it") from error
    found = hashlib.sha256(content).hexdigest()
    if f"{found}{SUFFIX}" != path.name:
        raise AttrimarkError(f"{path} is corrupt: its content has the sha256 {found}; run again to replace it")
    return content


def move(source: Path, target: Path) -> None:
    """Rename within one file system, so that the new name survives a power cut."""
    os.replace(source, target)
    if os.name == "posix":  # elsewhere a folder cannot be opened, and need not be
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _packed(attributions: Sequence[Attribution]) -> bytes:
    """Bytes that depend on the attributions alone (an array's order in the file does not follow a hash)."""
    rest = json.dumps([_described(each) for each in attributions]).encode()
    arrays: dict[str, np.ndarray] = {"rest": np.frombuffer(rest, dtype=np.uint8)}
    for dtype in sorted({each.scores.dtype.name for each in attributions}):
        scores = [_run(each) for each in attributions if each.scores.dtype.name == dtype]
        arrays[f"scores.{dtype}"] = np.concatenate(scores).astype(dtype)
        arrays[f"offsets.{dtype}"] = np.cumsum([0, *map(len, scores)], dtype=np.int64)
    return save(arrays | _packed_tokens(attributions))


def _unpacked(content: bytes) -> list[Attribution]:
    arrays = load(content)
    runs = {
        name.removeprefix("scores."): iter(np.split(flat, arrays[name.replace("scores", "offsets")][1:-1]))
        for name, flat in arrays.items()
        if name.startswith("scores.")
    }
    described = json.loads(arrays["rest"].tobytes())
    return [
        replace(_attribution(plain, next(runs[plain["dtype"]])), **tokens)
        for plain, tokens in zip(described, _unpacked_tokens(arrays, len(described)), strict=True)
    ]


def _packed_tokens(attributions: Sequence[Attribution]) -> dict[str, np.ndarray]:
    """The scores of tokens before pooling, one after another; nothing where no method gave any."""
    unpooled = [np.zeros(0, np.float32) if each.unpooled is None else each.unpooled for each in attributions]
    feature_of = [each.feature_of for each in attributions if each.feature_of is not None]
    if not feature_of:
        return {}
    return {
        "unpooled": np.concatenate(unpooled).astype(np.float32),
        "feature_of": np.concatenate(feature_of).astype(np.int64),
        "tokens": np.cumsum([0, *map(len, unpooled)], dtype=np.int64),
    }


def _unpacked_tokens(arrays: Mapping[str, np.ndarray], count: int) -> Iterator[dict[str, Any]]:
    """What `_packed_tokens` was given; nothing for attributions without tokens, or of a time that kept none."""
    ends = arrays.get("tokens", np.zeros(count + 1, dtype=np.int64))
    for start, end in pairwise(ends):
        here = slice(start, end)
        yield {name: arrays[name][here] for name in ("unpooled", "feature_of")} if end > start else {}


def _run(attribution: Attribution) -> np.ndarray:
    """Scores one after another: of the features and then, token by token, of the features for each."""
    parts = [attribution.scores, attribution.by_token]
    return np.concatenate([part.ravel() for part in parts if part is not None])


def _described(attribution: Attribution) -> dict[str, Any]:
    """All of an attribution but its scores, as plain data; what tokens add is there where tokens are explained."""
    tokens = {} if attribution.by_token is None else {"written": attribution.written}
    return {
        "dtype": attribution.scores.dtype.name,
        "example": attribution.example.plain,
        "features": [asdict(feature) for feature in attribution.features],
        "target": asdict(attribution.target),
        "explained": attribution.explained,
        "operator": attribution.operator,
        "value_full": attribution.value_full,
        "value_empty": attribution.value_empty,
        "own": asdict(attribution.own),
        "actual": asdict(attribution.actual),
        "diagnostics": dict(attribution.diagnostics),
        "flags": attribution.flags,
        **tokens,
    }


def _attribution(plain: Mapping[str, Any], run: np.ndarray) -> Attribution:
    example, target = plain["example"], plain["target"]
    scores, by_token = np.split(run, [len(plain["features"])])
    spans = tuple(_span(span) for span in example["spans"])
    return Attribution(
        example=Example(**{**example, "segments": tuple(example["segments"]), "spans": spans}),
        features=tuple(Feature(**{**each, "parents": tuple(each["parents"])}) for each in plain["features"]),
        scores=scores,
        target=Target(tuple(target["chosen"]), tuple(target["ids"])),
        explained=plain["explained"],
        operator=plain["operator"],
        value_full=plain["value_full"],
        value_empty=plain["value_empty"],
        own=Cost(**plain["own"]),
        actual=Cost(**plain["actual"]),
        diagnostics=plain["diagnostics"],
        flags=tuple(plain["flags"]),
        by_token=by_token.reshape(len(plain["written"]), len(scores)) if "written" in plain else None,
        written=tuple(plain.get("written", ())),
    )


def _span(plain: Mapping[str, Any]) -> Span:
    decides = plain.get("decides")
    return Span(**{**plain, "decides": None if decides is None else tuple(decides)})
