"""Keys and list elements are found where they are written: against tomllib and a writer that notes places."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from attrimark.suite.reading.locate import KeyPath, Place, locate, nearest_place, spell
from hypothesis import given
from hypothesis import strategies as st

SAMPLE = """\
# a comment with [brackets] and "quotes"
title = "a # in a string"

[suites.one]
seeds = [0, 1,   # two of them
    2]
methods = ["a", { name = "b", options.deep = [[1], [2, 3]] }]
text = \"\"\"
[not.a.header]
key = 1 \\\"\"\" \"\"\"\"\"

[[suites.one.matrix]]
"quoted key" = 1979-05-27 07:32:00 # a date with a space
[[suites.one.matrix]]
a.b.c = '''it's'''
[suites.one.matrix.inner]
x = true
"""


def test_places_in_a_sample_of_every_form() -> None:
    places = locate(SAMPLE)
    assert paths(tomllib.loads(SAMPLE)) == set(places)
    expected: dict[KeyPath, Place] = {
        ("title",): (2, 1),
        ("suites",): (4, 2),
        ("suites", "one"): (4, 9),
        ("suites", "one", "seeds", 1): (5, 13),
        ("suites", "one", "seeds", 2): (6, 5),
        ("suites", "one", "methods", 1): (7, 17),
        ("suites", "one", "methods", 1, "options", "deep", 1, 1): (7, 56),
        ("suites", "one", "matrix", 0, "quoted key"): (13, 1),
        ("suites", "one", "matrix", 1): (14, 14),
        ("suites", "one", "matrix", 1, "a", "b", "c"): (15, 5),
        ("suites", "one", "matrix", 1, "inner", "x"): (17, 1),
    }
    assert {path: places[path] for path in expected} == expected


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_do_not_matter(end: str) -> None:
    assert locate(SAMPLE.replace("\n", end)) == locate(SAMPLE)


def test_a_missing_key_is_placed_where_it_would_stand() -> None:
    places = locate(SAMPLE)
    assert nearest_place(places, ("suites", "one", "matrix", 1, "absent")) == (14, 14)
    assert nearest_place(places, ("absent",)) is None


def test_paths_are_spelt_as_in_toml() -> None:
    assert spell(("suites", "one", "methods", 2, "a key")) == 'suites.one.methods[2]."a key"'


# A second opinion: documents written in a random style by a writer that notes where it puts things.


@dataclass
class Noting:
    """A text under construction, and the place of everything in it."""

    draw: Callable[[st.SearchStrategy[Any]], Any]
    text: str = ""
    places: dict[KeyPath, Place] = field(default_factory=dict)

    @property
    def here(self) -> Place:
        return self.text.count("\n") + 1, len(self.text.rpartition("\n")[2]) + 1

    def put(self, text: str) -> None:
        self.text += text

    def choose(self, *options: str) -> str:
        return self.draw(st.sampled_from(options))

    def key(self, path: KeyPath) -> None:
        key = str(path[-1])
        bare = [key] if key and all(letter in "abcXYZ09-_" for letter in key) else []
        literal = [f"'{key}'"] if "'" not in key else []
        self.places.setdefault(path, self.here)
        self.put(self.choose(*bare, *literal, json.dumps(key)))

    def dotted(self, path: KeyPath, shared: int) -> Place:
        """The last parts of a path, from number `shared` on; returns the place of the last one."""
        last = self.here
        for index in range(shared, len(path)):
            if isinstance(path[index], str):
                self.put(self.choose(".", " . ", "\t.") if index > shared else "")
                last = self.here
                self.key(path[: index + 1])
        return last

    def gap(self) -> None:
        self.put(self.choose("", " ", "\n", ' # ] } , = "\n\t', "\n\n"))

    def scalar(self, value: Any) -> None:
        if not isinstance(value, str):
            self.put(json.dumps(value))
            return
        quoted = json.dumps(value)
        plain = "'" not in value and "\n" not in value
        literal = [f"'{value}'", f"'''{value}'''", f"'''\n{value}'''"] if plain else []
        self.put(self.choose(quoted, f'""{quoted}""', f'"""\n{quoted[1:]}""', *literal))

    def value(self, path: KeyPath, value: Any) -> None:
        if isinstance(value, dict):
            self.put("{")
            for index, (key, inner) in enumerate(value.items()):
                self.put(", " if index else " ")
                self.pair((*path, key), inner, len(path))
            self.put(" }")
        elif isinstance(value, list):
            self.put("[")
            for index, inner in enumerate(value):
                self.gap()
                self.places[(*path, index)] = self.here
                self.value((*path, index), inner)
                self.gap()
                self.put("," if index < len(value) - 1 else self.choose("", ","))
            self.gap()
            self.put("]")
        else:
            self.scalar(value)

    def pair(self, path: KeyPath, value: Any, shared: int) -> None:
        # a table of one key may continue the key of the table: a.b = 1
        while isinstance(value, dict) and len(value) == 1 and self.draw(st.booleans()):
            [(key, value)] = value.items()
            path = (*path, key)
        self.dotted(path, shared)
        self.put(self.choose("=", " = ", "\t="))
        self.put(self.choose("", " "))
        self.value(path, value)

    def table(self, path: KeyPath, table: dict[str, Any]) -> None:
        below = {}
        for key, value in table.items():
            rows = isinstance(value, list) and value and all(isinstance(row, dict) for row in value)
            if (rows or isinstance(value, dict)) and self.draw(st.booleans()):
                below[key] = value
            else:
                self.pair((*path, key), value, len(path))
                self.put(self.choose("\n", " # [a]\n", "\n\n\t"))
        for key, value in below.items():
            inner = (*path, key)
            if isinstance(value, dict):
                self.header(inner, "[", "]")
                self.table(inner, value)
            else:
                for index, row in enumerate(value):
                    self.header(inner, "[[", "]]", index)
                    self.table((*inner, index), row)

    def header(self, path: KeyPath, opening: str, closing: str, index: int | None = None) -> None:
        self.put(opening + self.choose("", " "))
        last = self.dotted(path, 0)
        if index is not None:
            # an element of an array of tables stands where the last part of its header does
            self.places[(*path, index)] = last
        self.put(self.choose("", " ") + closing + "\n")


ODD_KEYS = ["a b", 'q"', "é", "[x]", "a.b", "#", ""]
KEYS = st.text("abcXYZ09-_", min_size=1, max_size=4) | st.sampled_from(ODD_KEYS)
STRINGS = st.text("ab'\"\\\n#[]{}=, é", max_size=6).filter(lambda text: "\r" not in text)
SCALARS = st.integers(-99, 99) | st.booleans() | STRINGS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.data())
def test_every_path_is_located_where_it_was_written(document: dict[str, Any], data: st.DataObject) -> None:
    noting = Noting(data.draw)
    noting.table((), document)
    assert tomllib.loads(noting.text) == document
    assert locate(noting.text) == noting.places


@given(st.text("ab.=[]{},\"'\n #1\\", max_size=25))
def test_whatever_tomllib_reads_is_located_whole(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(locate(text)) == paths(document)


def paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    """Every key path of a parsed document."""
    return set(_paths(value, path)) - {()}


def _paths(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _paths(each, (*path, key))
