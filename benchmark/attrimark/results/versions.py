"""Versions that differ between the cells of a table: what differs between methods may then be theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrimark_registry.attribution import Record

MOST = 4  # versions named of one thing


def mixed_versions(records: Iterable[Record]) -> list[str]:
    """A sentence for each thing that not all records were computed with in one version, or from the same source."""
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in _versions(record):
            found.setdefault(name, set()).add(version)
    return [f"Not all computed with one {name}: {_named(each)}." for name, each in found.items() if len(each) > 1]


def _versions(record: Record) -> Iterator[tuple[str, str]]:
    machine = record.machine
    for name, version in {"python": machine.get("python"), **machine.get("versions", {})}.items():
        if version:
            yield name, str(version)
    if machine.get("system"):
        yield "kind of machine", f"{machine['system']}, {machine.get('accelerator') or 'cpu'}"
    for package, source in record.plugins.items():
        if source.get("sha256"):
            version = source.get("version")
            yield f"source of {package}", f"{version or 'no version'} ({source['sha256'][:8]})"


def _named(versions: Iterable[str]) -> str:
    first, more = sorted(versions)[:MOST], len(set(versions)) - MOST
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")
