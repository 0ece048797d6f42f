"""What is wrong with a value, in TOML's words: pydantic finds it and says it in Python's."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_args

from attrimark_registry.names import nearest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from .document import Complaint
from .locate import KeyPath

# What was wanted, by pydantic's name of the error.
WANTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a string",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of {max_length} or fewer",
    "string_too_short": "a string of {min_length} or more characters",
    "string_too_long": "a string of {max_length} or fewer characters",
    "string_pattern_mismatch": "a string like {pattern}",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def validated(kind: Any, given: Any) -> Any:
    """What a value of a TOML document says, read as a type (a plugin's class, say).

    Raises:
        ValidationError: as pydantic words it; see `complaints_of`.
    """
    # as JSON, where strict reading takes a list for a tuple and a string for a path
    return TypeAdapter(kind).validate_json(json.dumps(given), strict=True)


def complaints_of(
    error: ValidationError, given: Any, path: KeyPath, allowed: Collection[str] = ()
) -> Iterator[Complaint]:
    """One complaint for each place, below `path`.

    Args:
        given: what was validated, so that places inside it can be told from pydantic's own notes.
        allowed: the keys of the table, for those that are not.
    """
    by_place: dict[KeyPath, list[ErrorDetails]] = {}
    for details in error.errors():
        by_place.setdefault(path + _inside(details, given), []).append(details)
    for place, found in by_place.items():
        deeper = any(other[: len(place)] == place for other in by_place if other != place)
        # where an option takes several types, the one that was read deeper was meant
        if not deeper or found[0]["type"] == "missing":
            yield Complaint(place, _message(found, place, allowed))


def keys_inside(kind: Any) -> list[str]:
    """The keys that tables of a type may have, those of tables within them too."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        inner = [key for each in kind.model_fields.values() for key in keys_inside(each.annotation)]
        return list(dict.fromkeys([*kind.model_fields, *inner]))
    if is_dataclass(kind):
        return [each.name for each in fields(kind)]
    return list(dict.fromkeys(key for each in get_args(kind) for key in keys_inside(each)))


def unknown_key(key: str, allowed: Collection[str]) -> str:
    """The message for a key that has no meaning where it stands."""
    return f"unknown key (allowed: {', '.join(allowed)}){nearest(key, allowed)}"


def must_be(wanted: str, given: Any) -> str:
    return f"must be {wanted}, not {in_toml(given)}"


def in_toml(value: Any) -> str:
    """A value as TOML writes it, short."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    written = json.dumps(value, ensure_ascii=False)
    return written if len(written) <= 60 else f"{written[:50]}…"


def _inside(details: ErrorDetails, given: Any) -> KeyPath:
    """The part of pydantic's location that is a place in what was given; names of types are not."""
    path: KeyPath = ()
    for part in details["loc"]:
        inner: Any = dict(enumerate(given)) if isinstance(given, list) else given
        if isinstance(inner, dict) and part in inner:
            path = (*path, part)
            given = inner[part]
    return path


def _message(details: list[ErrorDetails], place: KeyPath, allowed: Collection[str]) -> str:
    first = details[0]
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return unknown_key(str(place[-1]), allowed)
    missing = [f'"{each["loc"][-1]}"' for each in details if each["type"] == "missing"]
    if missing:
        return f"missing {', '.join(missing)}"
    if not all(each["type"] in WANTED for each in details):
        return "; or ".join(_own_words(each) for each in details)
    wanted = [WANTED[each["type"]].format(**each.get("ctx", {})).replace("'", '"') for each in details]
    choices = re.findall(r'"([^"]*)"', " ".join(wanted))
    hint = nearest(first["input"], choices) if isinstance(first["input"], str) else ""
    return must_be(" or ".join(dict.fromkeys(wanted)), first["input"]) + hint


def _own_words(details: ErrorDetails) -> str:
    """What the plugin's validator says, or pydantic."""
    raised = details.get("ctx", {}).get("error")
    return str(raised) if raised else details["msg"][:1].lower() + details["msg"][1:]
