"""The recorded file: what a suite's cells cost and scored when their numbers were last accepted.

`recorded.json` is for people: sorted keys, one cell a line, so that a diff names what moved. `recorded.safetensors`
beside it holds the numbers of every text; its hash stands in the JSON. Neither holds any text: a text is named by the
hash of its id, a word by the characters that it spans.

While the two are written, the new numbers wait under a name with their hash, so that whenever writing ends, the JSON
that is there finds its numbers: the old ones, or the new.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
from attrimark_registry.errors import AttrimarkError
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from attrimark.document.characters import Better
from attrimark.results.bundle import SUFFIX, move, write_whole
from attrimark.results.scores import ScoreArray, home_of
from attrimark.suite.suite import MOST_PRIMARY

SCHEMA = 2

_AGAIN = "record all of it again: attrimark record SUITE --anew --reason TEXT"
_SEED = " × seed "
_TEXT_BYTES = 8  # of the hash by which a text is known


class RecordedError(AttrimarkError):
    """What is wrong with a recorded file, and what to do."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RecordedMetric(_Fact):
    """One metric of one cell, without its values.

    Attributes:
        status: as in a record; "invalid" where a value is NaN or infinite.
        operators: of the values' rows; "" for metrics that remove nothing.
        median: over texts, of the mean over the operators that the method did not use; six digits.
        texts: how many texts have a value.
    """

    version: str
    better: Better
    status: str
    operators: tuple[str, ...]
    median: float | None
    texts: int


class Facts(_Fact):
    """What one line of the recorded file says of a cell.

    Attributes:
        because: the reason given when these numbers were accepted.
        costs: own cost by name, summed over the texts that were explained.
        dataset, weights: hashes of the texts with their plugin, and of all that decides the network.
        machine: its class, which limits comparisons of bytes only.
        method: the plugin's version; None for the model alone.
        operator: how the method removed features.
        role: what the suite calls its parts, or their names without options; by it another recipe is matched.
        seeded: whether another training seed would give another model.
        texts: how many were explained.
        why: the reason where it is not ok.
    """

    because: str
    costs: dict[str, int]
    dataset: str
    machine: str
    method: str | None
    metrics: dict[str, RecordedMetric]
    operator: str | None
    role: str
    seeded: bool
    status: str
    texts: int
    weights: str
    why: str | None


@dataclass(frozen=True, eq=False)
class Values:
    """A metric's values: NaN where it does not apply, infinite where it returned no finite number."""

    texts: tuple[str, ...]
    numbers: Float[np.ndarray, "operators texts"]

    def scores(self, operators: Sequence[str], home: frozenset[str]) -> ScoreArray:
        """The scores that these values are of.

        Args:
            operators: of the rows.
            home: the operators that the method uses itself.
        """
        numbers = self.numbers.T[np.newaxis]
        missing, invalid = np.isnan(numbers), np.isinf(numbers)
        values = np.where(invalid, np.nan, numbers)
        return ScoreArray((None,), self.texts, tuple(operators), values, missing, invalid, home)

    def of(self, texts: Sequence[str]) -> Float[np.ndarray, "operators texts"]:
        """The numbers of these texts, in their order."""
        places = {text: place for place, text in enumerate(self.texts)}
        return self.numbers[:, [places[text] for text in texts]]


@dataclass(frozen=True, eq=False)
class Explanations:
    """A cell's scores, text after text, with the place of each feature (segment, start, end) and each text's cost.

    Attributes:
        counts: how many features each text has.
        costs: own cost of each text, in the sorted order of the names of costs.
    """

    texts: tuple[str, ...]
    counts: Int[np.ndarray, " texts"]
    scores: Float[np.ndarray, " features"]
    spans: Int[np.ndarray, "features 3"]
    costs: Int[np.ndarray, "texts costs"]

    def of(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """One text's scores and spans."""
        place = self.texts.index(text)
        start = int(self.counts[:place].sum())
        stop = start + int(self.counts[place])
        return self.scores[start:stop], self.spans[start:stop]


@dataclass(frozen=True, eq=False)
class RecordedCell:
    """A cell's line, and the numbers of its texts.

    Attributes:
        values: by the metric's display name; none for a metric without any.
        explanations: None for the model alone, and where a cell is not ok.
        home: the operators that its method uses itself.
    """

    facts: Facts
    values: Mapping[str, Values] = field(default_factory=dict)
    explanations: Explanations | None = None
    home: frozenset[str] = frozenset()

    def scores(self, metric: str) -> ScoreArray:
        """Of its one seed and replicate."""
        values = self.values[metric]
        return values.scores(self.facts.metrics[metric].operators, self.home)


@dataclass(frozen=True, eq=False)
class Recorded:
    """A suite, recorded.

    Attributes:
        primary: the metrics that gate; the others inform.
        store_text: whether reports may show texts; files never hold them.
        cells: by name.
        machines: versions by class of machine.
        reseeds: by group and metric, the mean over texts of models that differ in their training seed only.
    """

    suite: str
    primary: tuple[str, ...]
    cells: Mapping[str, RecordedCell]
    store_text: bool = True
    machines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reseeds: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)


def name_of(group: str, seed: int, replicate: int = 0) -> str:
    """A cell's name: what it shares with its other seeds, then the seed."""
    return f"{group}{_SEED}{seed}" + (f" × replicate {replicate}" if replicate else "")


def group_of(name: str) -> str:
    """What a cell's name shares with its other seeds and replicates."""
    return name.rpartition(_SEED)[0]


def method_of(name: str) -> str:
    """The display name of the method of a cell, or of a group."""
    return (group_of(name) or name).rpartition(" × ")[2]


def seed_of(name: str) -> int:
    return int(name.rpartition(_SEED)[2].split(" ")[0])


def hashed(text_id: str) -> str:
    """How recorded files name a text; an id may itself be text."""
    return hashlib.sha256(text_id.encode()).digest()[:_TEXT_BYTES].hex()


# Reading


def read_recorded(path: Path) -> Recorded:
    """What was recorded.

    Raises:
        RecordedError: a file is missing, cut short, edited by hand, of another schema, or they do not belong together.
    """
    content = _content(path, "record first: attrimark record SUITE --reason TEXT")
    data = _parsed(path, content)
    schema = data.get("schema")
    if schema != SCHEMA:
        newer = isinstance(schema, int) and schema > SCHEMA
        suite = shlex.quote(str(data.get("suite", "SUITE")))
        again = f"record all of it again: attrimark record {suite} --anew --reason 'schema {SCHEMA}' --recorded {path}"
        what_to_do = "upgrade attrimark" if newer else again
        raise RecordedError(f"{path}: its schema is {schema!r}, this attrimark reads {SCHEMA}: {what_to_do}")
    if data.get("sha256") != _digest({name: value for name, value in data.items() if name != "sha256"}):
        raise RecordedError(
            f"{path}: it was changed by hand, or merged: its content has not the sha256 that it names. Restore it from "
            f"version control, or {_AGAIN}"
        )
    try:
        file = _File.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = " → ".join(map(str, first["loc"]))
        raise RecordedError(f"{path}: {where}: {first['msg'].lower()}: {_AGAIN}") from None
    beside = values_path(path)
    waiting = _waiting_path(path, file.values)
    if waiting.exists():  # its writer was ended before it could take the place
        beside = waiting
    packed = _content(beside, f"it belongs to {path.name}: restore it from version control, or {_AGAIN}")
    if hashlib.sha256(packed).hexdigest() != file.values:
        raise RecordedError(
            f"{beside}: not the file that {path.name} was written with (another sha256): restore both from version "
            f"control, or {_AGAIN}"
        )
    try:
        cells = _unpacked(file.cells, load(packed))
    except (SafetensorError, KeyError, ValueError) as error:
        raise RecordedError(f"{beside}: numbers are missing ({error}): {_AGAIN}") from None
    return Recorded(file.suite, file.primary, cells, file.store_text, file.machines, file.reseeds)


def values_path(path: Path) -> Path:
    """The file beside it."""
    return path.with_suffix(SUFFIX)


def _waiting_path(path: Path, sha256: str) -> Path:
    """Where numbers wait until the JSON names them."""
    return path.with_suffix(f".{sha256}{SUFFIX}")


class _File(_Fact):
    schema_: int = Field(alias="schema")
    sha256: str
    values: str
    suite: str
    primary: tuple[str, ...] = Field(max_length=MOST_PRIMARY)
    store_text: bool
    machines: dict[str, dict[str, Any]]
    reseeds: dict[str, dict[str, tuple[float, ...]]]
    cells: dict[str, Facts]


def _content(path: Path, what_to_do: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise RecordedError(f"{path}: no such file; {what_to_do}") from None
    except OSError as error:
        raise RecordedError(f"{path}: cannot be read: {error.strerror}") from None


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    try:
        data = json.loads(content.decode())
    except UnicodeDecodeError:
        raise RecordedError(f"{path}: no UTF-8: restore it from version control, or {_AGAIN}") from None
    except json.JSONDecodeError as error:
        raise RecordedError(
            f"{path}:{error.lineno}:{error.colno}: {error.msg[:1].lower() + error.msg[1:]}: the file was cut short or "
            f"edited; restore it from version control, or {_AGAIN}"
        ) from None
    if not isinstance(data, dict):
        raise RecordedError(f"{path}: not a recorded file: restore it from version control, or {_AGAIN}")
    return data


# Writing


def write_recorded(recorded: Recorded, path: Path) -> None:
    """Write both files; the same numbers give the same bytes.

    Whenever it ends, by itself or by force, what is there can be read: the old numbers or the new.

    Raises:
        AttrimarkError: a file cannot be written.
    """
    packed = save(dict(_packed(recorded.cells)))
    sha256 = hashlib.sha256(packed).hexdigest()
    write_whole(packed, _waiting_path(path, sha256))
    try:
        write_whole(as_lines(recorded, sha256).encode(), path)
    finally:
        settle(path)


def settle(path: Path) -> None:
    """Numbers that the JSON names, and that wait for their place, take it; those that it does not name are removed.

    Raises:
        AttrimarkError: the folder cannot be written to.
    """
    own = _waiting_path(path, _named(path))
    for waiting in path.parent.glob(f"{escape(path.stem)}.{'[0-9a-f]' * 64}{SUFFIX}"):
        try:
            if waiting == own:
                move(waiting, values_path(path))
            else:
                waiting.unlink()
        except OSError as error:
            raise AttrimarkError(f"{waiting} could not be moved: {error.strerror}") from error


def _named(path: Path) -> str:
    """The sha256 of the numbers that the JSON names; "" where there is none that could be read."""
    try:
        return str(json.loads(path.read_bytes())["values"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def check_place(path: Path) -> None:
    """Before hours of computing: whether a file could be written there at all.

    Raises:
        RecordedError: it could not.
    """
    if path.is_dir():
        raise RecordedError(f"{path} is a folder: name a file")
    if path.suffix == SUFFIX:
        raise RecordedError(f"{path}: the name of the JSON file is wanted; the {SUFFIX} file is written beside it")
    folder = next(each for each in path.absolute().parents if each.exists())
    if not folder.is_dir():
        raise RecordedError(f"{path} cannot be written: {folder} is no folder")
    try:
        probe = folder / f".{path.name}.writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RecordedError(f"{path} cannot be written: {error.strerror}") from None


def as_lines(recorded: Recorded, values: str) -> str:
    """The JSON, one cell a line.

    Args:
        values: the sha256 of the file beside it.
    """
    data = {
        "schema": SCHEMA,
        "values": values,
        "suite": recorded.suite,
        "primary": list(recorded.primary),
        "store_text": recorded.store_text,
        "machines": recorded.machines,
        "reseeds": recorded.reseeds,
        "cells": {name: cell.facts.model_dump(mode="json") for name, cell in recorded.cells.items()},
    }
    data["sha256"] = _digest(data)
    return "{\n" + ",\n".join(f'"{name}": {_lines(data[name])}' for name in sorted(data)) + "\n}\n"


def rounded(value: float) -> float:
    """Six significant digits: enough to read, and the same on every machine."""
    return float(f"{value:.6g}")


def _lines(value: Any) -> str:
    if not isinstance(value, Mapping) or not value:
        return _canonical(value)
    return "{\n" + ",\n".join(f"  {_canonical(name)}: {_canonical(value[name])}" for name in sorted(value)) + "\n}"


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


# Arrays, by the cell's name and what they hold


def _packed(cells: Mapping[str, RecordedCell]) -> Iterator[tuple[str, np.ndarray]]:
    for name in sorted(cells):
        cell = cells[name]
        for metric, values in cell.values.items():
            yield f"{name} | values | {metric}", np.ascontiguousarray(values.numbers, dtype=np.float64)
            yield f"{name} | texts | {metric}", _bytes(values.texts)
        if made := cell.explanations:
            yield f"{name} | explained", _bytes(made.texts)
            yield f"{name} | counts", made.counts.astype(np.int32)
            yield f"{name} | scores", made.scores.astype(np.float32)
            yield f"{name} | spans", np.ascontiguousarray(made.spans, dtype=np.int32)
            yield f"{name} | costs", np.ascontiguousarray(made.costs, dtype=np.int64)


def _unpacked(facts: Mapping[str, Facts], arrays: Mapping[str, np.ndarray]) -> dict[str, RecordedCell]:
    cells = {}
    for name, line in facts.items():
        values = {
            metric: Values(_hexes(arrays[f"{name} | texts | {metric}"]), arrays[f"{name} | values | {metric}"])
            for metric, told in line.metrics.items()
            if told.operators
        }
        made = None
        if f"{name} | explained" in arrays:
            whole = (arrays[f"{name} | {part}"] for part in ("counts", "scores", "spans", "costs"))
            made = Explanations(_hexes(arrays[f"{name} | explained"]), *whole)
        cells[name] = RecordedCell(line, values, made, home_of(method_of(name), line.operator))
    return cells


def _bytes(texts: tuple[str, ...]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(texts)), dtype=np.uint8).reshape(len(texts), _TEXT_BYTES)


def _hexes(packed: np.ndarray) -> tuple[str, ...]:
    return tuple(bytes(row).hex() for row in packed)
