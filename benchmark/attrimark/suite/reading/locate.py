"""Where each key and each list element of a TOML text is written, for messages that name a line.

tomllib says what a document means, not where. This scanner assumes a text that tomllib has accepted: it only
finds its way, and judges nothing.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]  # ("suites", "quickstart", "methods", 2, "permutations")
Place = tuple[int, int]  # line and column, both from 1

_GAP = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(
    r'''"""(?:[^\\]|\\.)*?""""{0,2}'''  # the text may itself end in one or two quotes
    r"""|'''.*?''''{0,2}"""
    r'''|"(?:[^"\\]|\\.)*"'''
    r"""|'[^']*'"""
    r"""|[^\n,\]}#]+""",  # a number, a truth value, or a date, which may hold a space
    re.DOTALL,
)


def locate(text: str) -> Mapping[KeyPath, Place]:
    """The place of every key (where it is first written) and list element (where its value begins)."""
    text = text.replace("\r\n", "\n")  # as tomllib does
    scanner = _Scanner(text)
    scanner.document()
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    return {path: _place(offset, starts) for path, offset in scanner.offsets.items()}


def nearest_place(places: Mapping[KeyPath, Place], path: KeyPath) -> Place | None:
    """The place of a path, or else of what it would stand in; None where that is the document itself."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path)


def spell(path: KeyPath) -> str:
    """`suites.quickstart.methods[2].permutations`, with quotes around keys that need them."""
    spelt = ""
    for part in path:
        if isinstance(part, int):
            spelt += f"[{part}]"
        else:
            spelt += ("." if spelt else "") + (part if _BARE.fullmatch(part) else f'"{part}"')
    return spelt


def _place(offset: int, starts: list[int]) -> Place:
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


@dataclass
class _Scanner:
    """Reads from `at` to the end; `offsets` fills up with what was passed."""

    text: str
    at: int = 0
    offsets: dict[KeyPath, int] = field(default_factory=dict)
    lengths: dict[KeyPath, int] = field(default_factory=dict)  # of arrays of tables

    def document(self) -> None:
        table: KeyPath = ()
        self.skip(_GAP)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip(_GAP)

    def header(self) -> KeyPath:
        """`[a.b]` or `[[a.b]]`: the table that the following pairs belong to."""
        doubled = self.text.startswith("[[", self.at)
        self.at += 2 if doubled else 1
        parts = self.dotted()
        self.at += 2 if doubled else 1
        path: KeyPath = ()
        for index, (part, offset) in enumerate(parts):
            path = (*path, part)
            self.offsets.setdefault(path, offset)
            if doubled and index == len(parts) - 1:
                self.lengths[path] = self.lengths.get(path, 0) + 1
            if path in self.lengths:  # a header speaks of the latest table of an array
                path = (*path, self.lengths[path] - 1)
                self.offsets.setdefault(path, offset)
        return path

    def pair(self, path: KeyPath) -> None:
        """`a.b = value`."""
        for part, offset in self.dotted():
            path = (*path, part)
            self.offsets.setdefault(path, offset)
        self.at += 1  # =
        self.skip(_BLANK)
        self.value(path)

    def dotted(self) -> list[tuple[str, int]]:
        """The parts of a key and where each begins; stops at what follows, past the blanks."""
        parts: list[tuple[str, int]] = []
        while True:
            self.skip(_BLANK)
            offset = self.at
            parts.append((_unquoted(self.skip(_KEY)), offset))
            self.skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def value(self, path: KeyPath) -> None:
        opening = self.text[self.at]
        if opening not in "[{":
            self.skip(_SCALAR)
            return
        self.at += 1
        index = 0
        while True:
            self.skip(_GAP)
            if self.text[self.at] in "]}":
                self.at += 1
                return
            if opening == "{":
                self.pair(path)
            else:
                self.offsets[(*path, index)] = self.at
                self.value((*path, index))
                index += 1
            self.skip(_GAP)
            if self.text[self.at] == ",":
                self.at += 1

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"no TOML at character {self.at}")
        self.at = match.end()
        return match.group()


def _unquoted(key: str) -> str:
    # tomllib knows the escapes
    return next(iter(tomllib.loads(f"{key} = 0"))) if key[0] in "\"'" else key
