"""Whether a plugin left the network, its rows and the process as it found them.

Version counters of tensors miss what goes through `.data`, a numpy view or a class that was patched. One row's outputs
and gradient, to the last bit, and a checksum of the weights miss none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np
from attrimark_registry.encoding import Encoded
from attrimark_registry.model import Model
from attrimark_registry.process_state import ProcessState

from .canary import Canary
from .facts import facts_of, settings_of
from .weights import Checksum, checksums

MOST_NAMED = 3
ORIGIN = "the pre-trained network: "


class ChangedNetwork(Exception):
    """A plugin left a network as it must not; the message names what moved."""


class Guard:
    """What there was before any method or metric; make it, and ask it, inside `model.active()`.

    Args:
        rows: what methods are given; the shortest is the canary.
    """

    def __init__(self, model: Model, rows: Sequence[Encoded]) -> None:
        self.model = model
        self.rows = rows
        self.canary = Canary(model, min(rows, key=len)) if rows else None
        self.settings = settings_of(model.network)
        self.made = Made(model)
        self.arrays = _digest(rows)
        self.process = ProcessState.now()

    def moved(self, weights: bool) -> tuple[str, ...]:
        """What is no longer as it was, in words; what of the process can be put back is put back.

        Args:
            weights: look at every weight; else only at what moves the canary.
        """
        process = self.process.moved()
        if process:
            self.process.restore()
        found = [*process, *self.made.moved(weights)]
        if _digest(self.rows) != self.arrays:
            found.append("the rows' arrays")
        if self.canary and (sung := self.canary.moved()):
            found += _differing(self.settings, settings_of(self.model.network)) if not found else ()
            found += sung
        return tuple(found)


class Made:
    """What a model was, its pre-trained one included: settings, and a checksum of every weight."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.facts = self._facts()
        self.weights = self._weights()

    def moved(self, weights: bool = True) -> tuple[str, ...]:
        """What is no longer as it was, in words."""
        found = _differing(self.facts, self._facts())
        if weights:
            after = self._weights()
            found += [
                name for name in _differing(self.weights, after) if not _grew(self.weights.get(name), after.get(name))
            ]
        return tuple(found)

    def _facts(self) -> Mapping[str, Any]:
        origin = self.model.pretrained
        return {**facts_of(self.model), **(_named(ORIGIN, facts_of(origin)) if origin else {})}

    def _weights(self) -> Mapping[str, Checksum]:
        origin, network = self.model.pretrained, self.model.network
        with self.model.each_call_the_first():  # what the longest call made of it is no change
            mine = _named("the weights ", checksums(network))
        return {**mine, **(_named(f"{ORIGIN}the weights ", checksums(origin.network, network)) if origin else {})}


def _grew(before: Checksum | None, after: Checksum | None) -> bool:
    """Whether a tensor is a cache that came, or grew, with a call."""
    return after is not None and (not after.kept if before is None else before.may_become(after))


@contextmanager
def left_as_found(model: Model, plugin: str) -> Iterator[None]:
    """While a plugin makes another model of this one, or fails to.

    Raises:
        ChangedNetwork: this one is another than before.
    """
    before = Made(model)
    try:
        yield
    finally:
        if moved := before.moved():
            raise ChangedNetwork(complaint(plugin, moved))


def _named(prefix: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    return {prefix + name: fact for name, fact in facts.items()}


def complaint(plugin: str, moved: Sequence[str]) -> str:
    """What the record of a cell says."""
    named = ", ".join(moved[:MOST_NAMED]) + (f" and {len(moved) - MOST_NAMED} more" if len(moved) > MOST_NAMED else "")
    return f"{plugin} changed {named}, and has to leave it as it was"


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys((*before, *after))
    return [name for name in names if name not in before or name not in after or before[name] != after[name]]


def _digest(rows: Sequence[Encoded]) -> str:
    digest = hashlib.sha256()
    for array in _arrays(rows):
        digest.update(array.tobytes())
    return digest.hexdigest()


def _arrays(rows: Sequence[Encoded]) -> Iterator[np.ndarray]:
    for row in rows:
        for each in fields(row):
            value = getattr(row, each.name)
            if isinstance(value, np.ndarray):
                yield value
