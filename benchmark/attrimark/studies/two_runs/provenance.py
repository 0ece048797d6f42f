"""How two sets of records were computed, where that is not the same: their content, versions and machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrimark_registry.attribution import Record


def differences(before: Sequence[Record], after: Sequence[Record]) -> Iterator[str]:
    """One sentence or name for each thing that differs."""
    known = {record.cell for record in before}
    other = [record for record in after if record.cell not in known]
    if other:
        yield (
            f"{len(other)} of the {len(after)} cells of the second run differ by content from those of the first: a "
            "plugin's version, the texts, the weights or the suite's seed"
        )
    one, two = _computed(before), _computed(after)
    for name in sorted(one.keys() | two.keys()):
        if one.get(name) != two.get(name):
            yield f"{name}: {one.get(name, 'unknown')} → {two.get(name, 'unknown')}"


def _computed(records: Iterable[Record]) -> dict[str, str]:
    """What is known of where records were computed, by name; several values side by side."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        versions = record.machine.get("versions", {})
        for name, value in {**record.machine, **versions}.items():
            if name != "versions":
                found.setdefault(name, {}).setdefault(str(value))
    return {name: ", ".join(values) for name, values in found.items()}
