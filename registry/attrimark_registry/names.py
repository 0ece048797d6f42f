"""Names that are not known, and those that may be meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from .errors import AttrimarkError


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint to add to an error: the known name that is most like the one given; "" where none is like it."""
    found = get_close_matches(name, list(known), n=1)
    return f'; did you mean "{found[0]}"?' if found else ""


def one_of(option: str, given: object, choices: Iterable[str]) -> Any:
    """An option's value, which is one of its choices.

    Raises:
        AttrimarkError: it is none of them; the message names the nearest, or all.
    """
    allowed = list(choices)
    if given not in allowed:
        hint = nearest(str(given), allowed) or f": choose one of {', '.join(allowed)}"
        raise AttrimarkError(f"there is no {option} {given!r}{hint}")
    return given
