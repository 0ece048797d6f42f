"""A total order of what a partial order and a score say together."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import Any, TypeVar

Item = TypeVar("Item", bound=Hashable)


def linear_extension(keys: Mapping[Item, Any], above: Mapping[Item, Collection[Item]]) -> list[Item]:
    """The items by key, smallest first, but none before those that are above it.

    Where some are above each other in a circle, which pairs that were compared on different grounds can be, their keys
    alone decide among them.
    """
    reached = {item: _reached(item, above) for item in keys}
    ahead = {item: {other for other in reached[item] if item not in reached.get(other, ())} for item in keys}
    order: list[Item] = []
    left = sorted(keys, key=lambda item: keys[item])
    while left:
        following = next(item for item in left if not ahead[item] & set(left))
        order.append(following)
        left.remove(following)
    return order


def _reached(item: Item, above: Mapping[Item, Collection[Item]]) -> set[Item]:
    """All that are above it, directly or by way of others."""
    found: set[Item] = set()
    new = set(above.get(item, ()))
    while new:
        found |= new
        new = {further for each in new for further in above.get(each, ())} - found
    return found
