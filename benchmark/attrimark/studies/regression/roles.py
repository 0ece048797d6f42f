"""Cells matched by their role in the suite, where a recipe or the list of seeds is another than was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .recorded import Recorded, group_of, seed_of

Changes = Mapping[str, str]  # what a group is compared with instead of itself, in words


def by_role(before: Recorded, after: Recorded) -> tuple[Recorded, Changes]:
    """What was recorded, under the names that the cells of the same role have now.

    A role is what a suite calls a cell's parts (`as`), or their names without options; the place among those of one
    role decides which is compared with which. Cells that are in both by name are left as they are.
    """
    lost, found = _unmatched(before, after), _unmatched(after, before)
    names, changes = {}, {}
    for role in lost.keys() & found.keys():
        for old, new in zip(lost[role], found[role], strict=False):
            names[old] = new
            changes.setdefault(group_of(new), _in_words(old, new))
    groups = {group_of(old): group_of(new) for old, new in names.items()}
    cells = {names.get(name, name): cell for name, cell in before.cells.items()}
    reseeds = {groups.get(group, group): of for group, of in before.reseeds.items()}
    return replace(before, cells=cells, reseeds=reseeds), changes


def _unmatched(one: Recorded, other: Recorded) -> dict[str, list[str]]:
    """By role, the cells whose names the other does not have, in the order of their groups and seeds."""
    roles: dict[str, list[str]] = {}
    for name in sorted(one.cells.keys() - other.cells.keys(), key=lambda name: (group_of(name), seed_of(name))):
        roles.setdefault(one.cells[name].facts.role, []).append(name)
    return roles


def _in_words(old: str, new: str) -> str:
    if group_of(old) == group_of(new):
        return "other seeds than were recorded, compared in their order"
    return f"recorded as {group_of(old)}: compared by its role"
