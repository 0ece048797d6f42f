"""A TOML file, read: its data, where each key stands, and errors that name the line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attrimark_registry.errors import AttrimarkError

from .locate import KeyPath, Place, locate, nearest_place, spell

EXAMPLE = """\
    [suites.first]
    datasets = ["rated-snippets"]
    models = ["minilm"]
    strategies = ["frozen"]
    methods = ["random", "leave-one-out"]
    metrics = ["sufficiency", "comprehensiveness"]
"""

_AT = re.compile(r"(?P<what>.*) \(at (line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)


class ConfigError(AttrimarkError):
    """All that is wrong with a file, one line each: `benchmarks.toml:12:14: key path: what is allowed`."""


@dataclass(frozen=True)
class Complaint:
    """One thing that is wrong, and where."""

    path: KeyPath
    message: str


@dataclass(frozen=True)
class Document:
    """A file's data as plain values, and the place of every key."""

    name: str
    data: Mapping[str, Any]
    places: Mapping[KeyPath, Place]

    def error(self, complaints: Iterable[Complaint]) -> ConfigError:
        """The error that tells all of them, in the order of the file."""
        told = sorted(complaints, key=lambda each: nearest_place(self.places, each.path) or (0, 0))
        return ConfigError("\n".join(map(self._line, told)))

    def _line(self, complaint: Complaint) -> str:
        place = nearest_place(self.places, complaint.path)
        where = _position(self.name, *place) if place else self.name
        return ": ".join(filter(None, [where, spell(complaint.path), complaint.message]))


def read_document(path: Path) -> Document:
    """The file's data and places.

    Raises:
        ConfigError: the file is missing, unreadable, no UTF-8, no TOML, or holds what no option can be.
    """
    text = _text(path)
    try:
        data = tomllib.loads(text)
        places = locate(text)
    except RecursionError:
        raise ConfigError(f"{path}: lists or tables are nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, and Python's own refusal of thousands of digits
        raise ConfigError(_syntax(path, text, str(error))) from None
    document = Document(str(path), data, places)
    if unfit := list(_unfit(data, ())):
        raise document.error(unfit)
    return document


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file (looked in {path.absolute().parent}). "
            f"Name another with --config, or write one:\n\n{EXAMPLE}"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8-sig")  # some editors begin a file with a mark
    except UnicodeDecodeError as error:
        before = content[: error.start].rpartition(b"\n")[2].decode()
        where = _position(str(path), content.count(b"\n", 0, error.start) + 1, len(before) + 1)
        byte = f"{content[error.start]:#04x}"
        raise ConfigError(f"{where}: the byte {byte} is no UTF-8: save the file as UTF-8") from None


def _syntax(path: Path, text: str, message: str) -> str:
    known = _AT.fullmatch(message)
    if known is None:
        return f"{path}: not TOML: {message}"
    lines = text.split("\n")
    line, column = known["line"] or len(lines), known["column"] or len(lines[-1]) + 1
    return f"{_position(str(path), line, column)}: not TOML: {known['what']}"


def _unfit(value: Any, path: KeyPath) -> Iterator[Complaint]:
    """Values that TOML has and no option takes: dates, and integers of more than 64 bits."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _unfit(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unfit(inner, (*path, index))
    elif isinstance(value, int):
        if value.bit_length() > 63:
            yield Complaint(path, "integers have at most 64 bits")
    elif not isinstance(value, str | float):
        yield Complaint(path, "dates and times have no meaning here: write a string")


def _position(name: str, line: int | str, column: int | str) -> str:
    return f"{name}:{line}:{column}"
