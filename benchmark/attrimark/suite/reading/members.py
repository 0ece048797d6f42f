"""What a suite names must be in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrimark_registry.names import nearest
from attrimark_registry.plugin import Plugin

from .document import Complaint
from .locate import KeyPath


def names_of(plugins: Iterable[Plugin]) -> list[str]:
    """How plugins may be named: without their options, with them, and as tables show them."""
    return list(dict.fromkeys(name for each in plugins for name in (each.name, each.written, str(each))))


def not_among(value: str, names: Sequence[str], path: KeyPath) -> Iterator[Complaint]:
    """A complaint, where a suite has nothing of that name."""
    if value not in names:
        known = list(dict.fromkeys(names))
        there_are = ", ".join(known)
        yield Complaint(path, f'"{value}" is not in this suite (there are: {there_are}){nearest(value, known)}')
