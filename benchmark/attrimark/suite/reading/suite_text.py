"""A suite as its author wrote it: the lines of a file that are about it, with their comments."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

_HEADER = re.compile(r"""\s*\[\[?(?P<path>[\w\s."'-]+)\]\]?\s*(?:#.*)?""")


def suite_text(path: Path, name: str) -> str:
    """The tables of one suite; the whole file where these lines alone would not say the same."""
    written = path.read_text(encoding="utf-8")
    own = re.compile(rf"""\s*suites\s*\.\s*(["']?){re.escape(name)}\1\s*(?:\.|$)""")
    kept = "\n".join(line for header, lines in _tables(written) if own.match(header) for line in lines)
    try:
        same = tomllib.loads(kept).get("suites", {}).get(name) == tomllib.loads(written)["suites"][name]
    except tomllib.TOMLDecodeError:
        same = False
    return f"{(kept if same else written).strip()}\n"


def _tables(written: str) -> Iterator[tuple[str, list[str]]]:
    """The path of each table with its lines; comments right above a header belong to it."""
    path, lines, comments = "", list[str](), list[str]()
    for line in written.splitlines():
        if header := _HEADER.fullmatch(line):
            yield path, lines
            path, lines, comments = header["path"], [*comments, line], []
        elif line.lstrip().startswith("#"):
            comments.append(line)
        else:
            lines += [*comments, line]
            comments = []
    yield path, [*lines, *comments]
