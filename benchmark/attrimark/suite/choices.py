"""The choices of an analysis that could as well have been made otherwise: a multiverse of analyses.

Every result rests on such choices; a multiverse makes all of them and tells how many bear the result out (Steegen,
Tuerlinckx, Gelman & Vanpaemel, Perspectives on Psychological Science, 2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from attrimark_registry.reading import Reading
from pydantic import ConfigDict, Field

Pooling = Literal["sum", "max", "mean"]
Share = Annotated[float, Field(gt=0, le=1)]

LABELS = "labels"  # among the classes: each label of the model


@dataclass(frozen=True)
class Choices:
    """What a suite's sufficiency and comprehensiveness are computed over, crossed with its `operators`.

    Attributes:
        lengths: the shares of features that a rationale keeps, rounded up and at least one.
        poolings: how scores of tokens become scores of features; methods that score features know no difference.
        readings: how raw outputs become the value.
        classes: whose value is read: "predicted", "gold", a label, or "labels" for each of them. The predicted class is
            read on every text, others on the texts that are explained for them.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")  # read from a suite

    lengths: Annotated[tuple[Share, ...], Field(min_length=1)] = (0.1, 0.2, 0.5)
    poolings: Annotated[tuple[Pooling, ...], Field(min_length=1)] = ("sum", "max", "mean")
    readings: Annotated[tuple[Reading, ...], Field(min_length=1)] = ("probability", "log-odds")
    classes: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] = ("predicted", "gold")

    def __post_init__(self) -> None:
        for name, levels in vars(self).items():
            twice = [level for place, level in enumerate(levels) if level in levels[:place]]
            if twice:
                raise ValueError(f"{name} has {twice[0]} twice: name each once")

    @classmethod
    def of(cls, plain: Mapping[str, Sequence[Any]]) -> Choices:
        """The choices again, from lists."""
        return cls(**{name: tuple(levels) for name, levels in plain.items()})
