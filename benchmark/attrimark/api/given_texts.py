"""The texts that a caller passes to `evaluate`, in whatever holds them, as examples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.text import Example


def examples_of(texts: Any) -> tuple[tuple[Example, ...], dict[str, str]]:
    """The examples, and the reason of each text that is left out, by its id.

    The id of a text is its position, from "0" on; an `Example` keeps its own. A pair of strings is one example of two
    segments. What is missing (None, NaN, pandas.NA) or empty, or holds half of a character, is left out.

    Args:
        texts: one text (a string or an `Example`), or any iterable of texts and pairs: a list, a generator, a numpy
            array, a column of a table.

    Raises:
        AttrimarkError: what is passed is a table or no iterable, an item is not a text, two have one id, or no text is
            left.
    """
    examples: list[Example] = []
    left_out: dict[str, str] = {}
    for position, item in enumerate([texts] if isinstance(texts, str | Example) else _items(texts)):
        if isinstance(item, Example):
            examples.append(item)
            continue
        segments = _segments(item, position)
        if reason := _nothing_in(segments):
            left_out[str(position)] = reason
        else:
            examples.append(Example(str(position), tuple(str(segment) for segment in segments)))
    if not examples:
        found = f": none of the {len(left_out)} passed has any words" if left_out else ""
        raise AttrimarkError(f"evaluate needs at least one text{found}")
    if twice := left_out.keys() & {example.id for example in examples}:
        raise AttrimarkError(f"two texts have the id {min(twice)!r}, a position and an Example's: give each its own")
    return tuple(examples), left_out


def _items(texts: Any) -> Iterable[Any]:
    # iterating over a table gives the names of its columns, which are strings too
    if isinstance(texts, Mapping) or hasattr(texts, "columns"):
        raise AttrimarkError(
            "texts is a table: pass the column that holds them, such as table['text'], or for pairs "
            "zip(table['premise'], table['hypothesis'])"
        )
    try:
        if not isinstance(texts, bytes | bytearray):
            return iter(texts)
    except TypeError:  # also an array without any dimension
        pass
    raise AttrimarkError(f"texts is of type {type(texts).__name__}: pass a string or a sequence of strings")


def _segments(item: Any, position: int) -> list[Any]:
    """The strings of one item, or what is missing in their stead."""
    pair = isinstance(item, tuple | list) or (isinstance(item, np.ndarray) and item.ndim > 0)
    segments = list(item) if pair else [item]
    if pair and len(segments) != 2:
        raise AttrimarkError(f"texts[{position}] holds {len(segments)} items: a pair is two strings")
    for segment in segments:
        if not (isinstance(segment, str) or _is_missing(segment)):
            where = f"an item of texts[{position}]" if pair else f"texts[{position}]"
            raise AttrimarkError(
                f"{where} is of type {type(segment).__name__}: a text is a string, a pair of strings or an Example; "
                f"{_remedy(segment)}"
            )
    return segments


def _is_missing(value: Any) -> bool:
    """Whether it is None, NaN (as numpy and pandas mark an empty cell), or pandas.NA and NaT."""
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _nothing_in(segments: list[Any]) -> str | None:
    for number, segment in enumerate(segments, 1):
        what = "the text" if len(segments) == 1 else f"segment {number} of the pair"
        if not isinstance(segment, str):
            return f"{what} is missing"
        if not segment.strip():
            return f"{what} is empty"
        if any("\ud800" <= character <= "\udfff" for character in segment):
            return f"{what} holds half of a character (a lone surrogate)"
    return None


def _remedy(value: Any) -> str:
    if isinstance(value, Mapping):
        return "of rows, pass one column, such as [row['text'] for row in rows]"
    if isinstance(value, bytes | bytearray):
        return "decode it, such as value.decode()"
    return "make it one, such as str(value), or leave it out"
