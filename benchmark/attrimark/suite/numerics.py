"""Versions of the harness's numbers: what an earlier version computed wrongly, for which networks and which cells.

A cell's identity names the version of each kind of network that touches its numbers, from the second version on; so
that what was right keeps its identity, and what was wrong is computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from attrimark_registry.network_kinds import NetworkKind
from attrimark_registry.plugin import Method
from attrimark_registry.removal import Operator

# What hashes say of the operators where a suite names none. Which these are is known only once a network is loaded,
# for its tokenizer and its code may refuse some; so hashes hold the rule that chooses. The first rule has no name in
# them: a later one is written here, and what was stored by the first stays under hashes of its own.
DEFAULT_OPERATORS: tuple[str, ...] = ("one of each family",)

# The same for metrics that ask no network: what is kept with their values.
WITH_VALUES: tuple[str, ...] = ("in other orders of the words",)


@dataclass(frozen=True)
class Asked:
    """What a cell, or a metric of it, asks of a network.

    Attributes:
        operators: how features are removed; None for the model's defaults, empty where none are removed.
        trains: whether the chain trains a head of its own on the network.
    """

    method: Method | None
    operators: Sequence[Operator] | None
    trains: bool = False


def _needs(asked: Asked, need: str) -> bool:
    return asked.method is not None and need in asked.method.needs


def _uses_mean(asked: Asked) -> bool:
    return asked.operators is None or "mean" in asked.operators or getattr(asked.method, "reference", None) == "mean"


def _of_decoders(asked: Asked) -> bool:
    # by default, metrics hid tokens from the attention of classifiers that read the last token, hidden or not
    hides = asked.operators is None or "attention" in asked.operators
    return asked.trains or _needs(asked, "gradients") or _uses_mean(asked) or hides


def _everything(asked: Asked) -> bool:
    return True


# version 2: the self-check. A kind's version, and what its numbers are behind
NUMERICS: Mapping[NetworkKind, tuple[int, Callable[[Asked], bool]]] = {
    "decoder classifier": (2, _of_decoders),
    "decoder classifier with another padding": (2, _everything),
    "length-dependent": (2, _everything),
    "mean-pooled head": (2, lambda asked: _needs(asked, "attentions")),
    "padding-dependent": (2, _everything),
    "scaled embeddings": (2, _uses_mean),
    "score head": (2, _everything),
    "sigmoid head": (2, _everything),
}


def numerics(kinds: frozenset[NetworkKind] | None, asked: Asked) -> list[str]:
    """The versions that decide what is asked of a network of these kinds; of one that is not known, of all kinds."""
    return [
        f"{kind} {version}"
        for kind, (version, touches) in NUMERICS.items()
        if (kinds is None or kind in kinds) and touches(asked)
    ]
