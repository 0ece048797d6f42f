"""Rows that begin alike as one tree of tokens, in which every shared beginning stands once.

A causal model's token sees only what stands before it. Rows that begin alike compute the same numbers there, however
they go on and whatever removed the rest, so it is enough to compute each node of their prefix tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Shaped

from .encoding import Encoded

AVERAGED = -1  # in place of an id: the vocabulary's mean embedding, whichever token it stands for


class Standing(NamedTuple):
    """Where nodes stand, as far as it decides what they see: arrays or tensors, one element a node."""

    node: Any
    position: Any
    until: Any
    hidden: Any

    def at(self, places: Any) -> Standing:
        return Standing(*(column[places] for column in self))


@dataclass(frozen=True, eq=False)
class TokenTree:
    """Nodes in depth-first order: a node's ancestors stand before it, and all its descendants right behind it.

    Attributes:
        ids: vocabulary ids, or AVERAGED.
        positions: position ids: what `delete` closes up and `attention` leaves open.
        hidden: True where no token looks, not even the node itself.
        parents: the node of the token before, −1 where a row begins.
        depths: how many tokens lead to the node, itself included.
        until: one past the node's last descendant.
        ends: the last node of each path that the tree was grown from, in their order.
    """

    ids: Int[np.ndarray, " nodes"]
    positions: Int[np.ndarray, " nodes"]
    hidden: Bool[np.ndarray, " nodes"]
    parents: Int[np.ndarray, " nodes"]
    depths: Int[np.ndarray, " nodes"]
    until: Int[np.ndarray, " nodes"]
    ends: Int[np.ndarray, " paths"]

    @classmethod
    def of(cls, paths: Sequence[Int[np.ndarray, "_ 3"]]) -> TokenTree:
        """The prefix tree of paths as `path_of` gives them."""
        written = [path.tobytes() for path in paths]
        ends: dict[bytes, int] = {}
        tokens, parents, depths = [], [], []
        before, trail, count = np.empty((0, 3), np.int64), np.empty(0, np.int64), 0
        # bytes do not sort as numbers do, but what begins alike stands together
        for each in sorted(set(written)):
            path = np.frombuffer(each, np.int64).reshape(-1, 3)
            shared = _shared(before, path)
            trail = np.concatenate([trail[:shared], np.arange(count, count + len(path) - shared)])
            tokens.append(path[shared:])
            parents.append(np.concatenate([[-1], trail[:-1]])[shared:])
            depths.append(np.arange(shared + 1, len(path) + 1))
            ends[each] = int(trail[-1])
            before, count = path, count + len(path) - shared
        ids, positions, hidden = np.concatenate(tokens).T
        parents, depths = np.concatenate(parents), np.concatenate(depths)
        until = np.arange(count) + _gathered(np.ones(count, np.int64), np.add, parents, depths)
        return cls(
            ids, positions, hidden.astype(bool), parents, depths, until, np.array([ends[each] for each in written])
        )

    def __len__(self) -> int:
        return len(self.ids)

    def before(self, node: int) -> Int[np.ndarray, " ancestors"]:
        """The node's ancestors, first to last."""
        return np.array(list(self._upwards(int(self.parents[node])))[::-1], dtype=np.int64)

    def last(self, node: int, count: int) -> list[int]:
        """The last `count` nodes of the path that ends in `node`, first to last."""
        upwards = self._upwards(node)
        return [next(upwards) for _ in range(count)][::-1]

    def standing(self, nodes: Int[np.ndarray, " nodes"]) -> Standing:
        return Standing(nodes, self.positions[nodes], self.until[nodes], self.hidden[nodes])

    def gathered(self, values: Shaped[np.ndarray, " nodes"], joined: np.ufunc) -> Shaped[np.ndarray, " nodes"]:
        """Each node's value joined (added, the least) with those of all its descendants."""
        return _gathered(values, joined, self.parents, self.depths)

    def _upwards(self, node: int) -> Iterator[int]:
        while node >= 0:
            yield node
            node = int(self.parents[node])


def looks_at(query: Standing, key: Standing, window: int | None = None) -> Any:
    """Whether queries look at keys: their ancestors and themselves, as far back as the window reaches.

    The one definition of the mask, for pairs of nodes side by side or broadcast.
    """
    seen = (key.node <= query.node) & (query.node < key.until) & ~key.hidden
    return seen if window is None else seen & (query.position - key.position < window)


def path_of(row: Encoded, tail: Sequence[int] = ()) -> Int[np.ndarray, "tokens 3"]:
    """Id, position and hiddenness of each token that is computed to score what follows a row and its tail.

    A token hidden from attention is absent, for nothing depends on it; but the last one is where the row is read.
    """
    needed = row.visible.copy()
    needed[-1] = True
    count = int(needed.sum())
    path = np.zeros((count + len(tail), 3), np.int64)
    for column, values in enumerate((np.where(row.averaged, AVERAGED, row.ids), row.positions, ~row.visible)):
        path[:count, column] = values[needed]
    if tail:
        path[count:, 0] = tail
        path[count:, 1] = row.positions[-1] + 1 + np.arange(len(tail))
    return path


def _shared(one: np.ndarray, other: np.ndarray) -> int:
    """How many tokens two paths have in common before they part."""
    length = min(len(one), len(other))
    differs = (one[:length] != other[:length]).any(axis=1)
    return int(differs.argmax()) if differs.any() else length


def _gathered(values: np.ndarray, joined: np.ufunc, parents: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """From the leaves up, one depth at a time."""
    made = values.copy()
    order = np.argsort(depths, kind="stable")
    levels = np.split(order, np.searchsorted(depths[order], np.arange(2, depths.max() + 1)))
    for level in levels[:0:-1]:
        joined.at(made, parents[level], made[level])
    return made
