"""What can be known of a saved network before it is loaded."""

from __future__ import annotations

from attrimark_registry import ModelSource, fetch
from attrimark_registry.assets import Reference
from attrimark_registry.network_kinds import NetworkKind, kinds_of_folder

from . import saved_adapter
from .content import content

SMALL = 2**30  # bytes


def kinds_of_reference(reference: str) -> frozenset[NetworkKind] | None:
    """The kinds of the network in a folder; None of one that would have to be fetched."""
    return kinds_of_folder(fetch(reference)) if Reference.parse(reference).scheme == "path" else None


def is_small(reference: str) -> bool:
    """Whether it is a folder whose weights are read in seconds."""
    if Reference.parse(reference).scheme != "path":
        return False
    return sum(file.stat().st_size for file in fetch(reference).glob("*.safetensors")) <= SMALL


def fingerprint(source: ModelSource, reference: str, base: str | None = None) -> str:
    """The options, and for a path, whose content nothing pins, the hashes of what is loaded from it.

    Raises:
        AttrimarkError: there is nothing at a path; an adapter's network is not known.
    """
    if base is None:
        base = saved_adapter.adapted_unpinned(reference)
    return "-".join(content(source, each) for each in (reference, base) if each is not None)
