"""The rows of a table in a file: JSONL, CSV or TSV, told apart by the file's ending."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrimark_registry import AttrimarkError

Row = Mapping[str, Any]


def rows_of(path: Path) -> Iterator[tuple[str, Row]]:
    """Each row, and where it stands (`file:line`).

    TSV follows its registration as a media type: no quoting, no line break inside a field. Files are UTF-8.

    Raises:
        AttrimarkError: no file, another ending, bytes that are not UTF-8, a line that is no JSON object, a row with
            more or fewer fields than the header.
    """
    ending = path.suffix.lower()
    if ending not in (".jsonl", ".csv", ".tsv"):
        raise AttrimarkError(f"{path}: the file's ending must be .jsonl, .csv or .tsv")
    text = _text(path)
    if ending == ".jsonl":
        yield from _json_rows(path, text)
        return
    quoting = csv.QUOTE_NONE if ending == ".tsv" else csv.QUOTE_MINIMAL
    table = csv.reader(
        io.StringIO(text, newline=""),
        delimiter="\t" if ending == ".tsv" else ",",
        quoting=quoting,
        strict=True,
    )
    try:
        header = next(table, [])
        begun = table.line_num + 1
        for fields in table:
            where, begun = f"{path}:{begun}", table.line_num + 1
            if not fields:
                continue
            if len(fields) != len(header):
                raise AttrimarkError(f"{where}: {len(fields)} fields under a header of {len(header)}")
            yield where, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise AttrimarkError(f"{path}:{table.line_num}: {error}") from error


def _json_rows(path: Path, text: str) -> Iterator[tuple[str, Row]]:
    # not splitlines: a text may hold U+2028 and other line ends that JSON does not escape
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise AttrimarkError(f"{path}:{number}: not JSON: {error.msg} (column {error.colno})") from error
        if not isinstance(row, dict):
            raise AttrimarkError(f"{path}:{number}: a line must be a JSON object with a key for each column")
        yield f"{path}:{number}", row


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AttrimarkError(f"cannot read {path.absolute()}: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise AttrimarkError(
            f"{path}:{line}: not UTF-8 (byte {content[error.start]:#04x}): save it as UTF-8"
        ) from error
