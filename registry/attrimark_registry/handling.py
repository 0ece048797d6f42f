"""How a network has to be called so that its numbers are those of a plain call: what the self-check finds out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Sharing = Literal["padded", "equal lengths", "alone"]
Embeddings = Literal["argument", "table"]
Reads = Literal["first", "last", "mean", "other"]

SHARING: tuple[Sharing, ...] = get_args(Sharing)


@dataclass(frozen=True)
class Handling:
    """How a network is called, and what it cannot be asked for.

    Attributes:
        sharing: which rows may share a forward: all, padded to the longest; rows of equal length; none.
        left: whether a classifier's rows are padded on the left; causal models' always are.
        positions: whether explicit position ids are passed, where the network takes them.
        embeddings: how word embeddings go in: as the argument `inputs_embeds`, or in place of what the table of
            embeddings returns.
        reads: the last states that a classification head reads: of the first token, the last, their mean, or
            something else. Attention methods follow attention from there. None where it was not measured.
        refused: what is unsupported, with the reason: a removal operator, or a need ("gradients", "attentions").
    """

    sharing: Sharing = "padded"
    left: bool = False
    positions: bool = True
    embeddings: Embeddings = "argument"
    reads: Reads | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Handling:
        return cls(**plain)
