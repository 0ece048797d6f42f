"""Your own texts, from a JSONL, CSV or TSV file."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from attrimark_registry import AttrimarkError, Dataset, Example, Span, Splits
from pydantic import Field, Strict, model_validator

from .shared.rows import Row, rows_of

SplitName = Literal["train", "validation", "test"]


def share(seed: int, *key: str) -> float:
    """A number in [0, 1) that depends on the key and the seed, and on no order and no other key."""
    digest = hashlib.sha256(json.dumps([seed, *key]).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def split_of(place: float, validation: float, test: float) -> SplitName:
    """The split of a share: the lowest are for testing, the next for validation, the rest for training."""
    return "test" if place < test else "validation" if place < test + validation else "train"


class TextFile(Dataset):
    """One example a line of JSONL, or a row of CSV or TSV with a header; told apart by the file's ending.

    TSV follows its registration as a media type: no quoting, no line break inside a field. Files are UTF-8.
    Empty texts are kept: that a model cannot explain them is reported where it happens.

    Options:
        path: relative to the working directory.
        text: the column of the text, or two columns of a pair.
        label: the column of the label, "" for a file without labels; an empty one is a text without a label. Whole
            numbers become their digits.
        labels: their order; sorted by default.
        split: a column that says train, validation or test. Without it, texts are split by a hash of their
            content and the seed: equal texts stay together, and a new row moves no other.
        id: a column that names examples; the line number by default.
        reference: a column of texts that a model is to write; an empty one is a text without a reference.
        rationale: a column of [start, end] pairs of characters, or [segment, start, end] for pairs of texts; in
            CSV and TSV written as JSON.
        validation, test: shares where there is no split column.
    """

    name = "text-file"

    path: str
    text: str | Annotated[tuple[str, str], Strict(False)] = "text"
    label: str | None = "label"
    labels: Annotated[tuple[str, ...], Strict(False)] | None = None
    split: str | None = None
    id: str | None = None
    reference: str | None = None
    rationale: str | None = None
    validation: float = Field(default=0.1, ge=0, lt=1)
    test: float = Field(default=0.1, ge=0, le=1)
    seed: int = 0

    @model_validator(mode="after")
    def _shares_fit(self) -> TextFile:
        if self.validation + self.test > 1:
            raise ValueError("validation and test take more than the whole")
        return self

    def load(self) -> Splits:
        """The file's examples.

        Raises:
            AttrimarkError: no file, another ending, bytes that are not UTF-8, a line that is no JSON object, a
                missing column, a text that is no text, an unknown label or split, an id that stands twice, a
                rationale outside of its text. The message names the file and the line.
        """
        return self.sort_out(list(rows_of(Path(self.path))))

    def sort_out(self, rows: Sequence[tuple[str, Row]]) -> Splits:
        """The examples of rows that were read already; raises as `load`."""
        self._check_columns(rows)
        found: dict[SplitName, list[Example]] = {"train": [], "validation": [], "test": []}
        lines: dict[str, str] = {}
        for where, row in rows:
            example = self._example(where, row)
            if example.id in lines:
                raise AttrimarkError(f"{where}: the id {example.id!r} stands in {lines[example.id]} already")
            lines[example.id] = where
            found[self._split(where, row, example)].append(example)
        every = [example for examples in found.values() for example in examples]
        unlabelled = sum(example.label is None for example in every)
        return Splits(
            labels=self.labels or tuple(sorted({example.label for example in every if example.label is not None})),
            **{split: tuple(examples) for split, examples in found.items()},
            notes={"without a label": str(unlabelled)} if unlabelled and self.label else {},
        )

    @property
    def _texts(self) -> tuple[str, ...]:
        return (self.text,) if isinstance(self.text, str) else self.text

    def _check_columns(self, rows: Sequence[tuple[str, Row]]) -> None:
        if not rows:
            raise AttrimarkError(f"{self.path} holds no rows")
        there = list(dict.fromkeys(name for _, row in rows for name in row))
        for name in filter(None, (*self._texts, self.label, self.split, self.id, self.reference, self.rationale)):
            if name not in there:
                nearest = difflib.get_close_matches(name, there, n=1)
                hint = f'; did you mean "{nearest[0]}"?' if nearest else ""
                raise AttrimarkError(f'{self.path} has no column "{name}"; its columns: {", ".join(there)}{hint}')

    def _example(self, where: str, row: Row) -> Example:
        segments = tuple(self._segment(where, row, name) for name in self._texts)
        label = self._label(where, row)
        named = row.get(self.id) if self.id else where.rpartition(":")[2]
        if named is None or named == "":
            raise AttrimarkError(f'{where}: the id ("{self.id}") is empty')
        reference = self._segment(where, row, self.reference) if self.reference else ""
        return Example(str(named), segments, label, reference or None, tuple(self._spans(where, row, segments)))

    @staticmethod
    def _segment(where: str, row: Row, name: str) -> str:
        if not isinstance(row.get(name), str):
            raise AttrimarkError(f'{where}: "{name}" must be a text, not {json.dumps(row.get(name))}')
        return row[name]

    def _label(self, where: str, row: Row) -> str | None:
        label = row.get(self.label) if self.label else None
        if label is None or label == "":
            return None
        if not isinstance(label, (str, int)):
            raise AttrimarkError(f"{where}: a label must be a text or a whole number, not {json.dumps(label)}")
        if self.labels is not None and str(label) not in self.labels:
            raise AttrimarkError(f"{where}: the label {str(label)!r} is not one of {', '.join(self.labels)}")
        return str(label)

    def _split(self, where: str, row: Row, example: Example) -> SplitName:
        if self.split is None:
            return split_of(share(self.seed, *example.segments), self.validation, self.test)
        if row.get(self.split) not in ("train", "validation", "test"):
            raise AttrimarkError(f"{where}: the split {row.get(self.split)!r} is not train, validation or test")
        return row[self.split]

    def _spans(self, where: str, row: Row, segments: tuple[str, ...]) -> Iterator[Span]:
        marked = row.get(self.rationale) if self.rationale else None
        if isinstance(marked, str):
            try:
                marked = json.loads(marked) if marked.strip() else None
            except json.JSONDecodeError as error:
                raise AttrimarkError(f"{where}: the rationale is not JSON: {error}") from error
        for place in marked if isinstance(marked, list) else [] if marked is None else [marked]:
            if not (isinstance(place, list) and len(place) in (2, 3) and all(type(at) is int for at in place)):
                raise AttrimarkError(
                    f"{where}: a rationale is a list of [start, end] or [segment, start, end], "
                    f"not of {json.dumps(place)}"
                )
            segment, start, end = place if len(place) == 3 else (0, *place)
            if not (0 <= segment < len(segments) and 0 <= start < end <= len(segments[segment])):
                lengths = " and ".join(f"{len(text)} characters" for text in segments)
                raise AttrimarkError(f"{where}: the rationale {place} lies outside of the text ({lengths})")
            yield Span(segment, start, end, "rationale")
