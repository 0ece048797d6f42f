"""What running leaves behind: scores, their cost, and the record of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int, Shaped

from .coloured import coloured
from .encoding import Target
from .removal import Operator
from .text import Example, Feature

Status = Literal["ok", "unsupported", "failed"]
Cause = Literal["exception", "crashed", "oom", "timeout", "invalid", "changed-network", "environment"]


@dataclass(frozen=True, eq=False)
class Scores:
    """What a method or a metric returns where one array does not say it all.

    Attributes:
        values: scores of features (subset methods), tokens (model methods, with a leading batch axis), or one number.
        diagnostics: named numbers kept beside them: completeness gap, standard error, kept share.
    """

    values: Any
    diagnostics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """Deterministic cost of one explanation, and the time it took.

    Attributes:
        subsets: distinct subsets of features asked for.
        forwards, backwards: rows through the network, one way and the other.
        tokens: tokens of those rows, without padding.
        flops: floating-point operations of the blocks; a backward counts as two forwards.
        seconds: wall time, this explanation's share of what was computed together; of the one whose peak was counted on
            a CPU, which takes time, as its FLOPs take at the rate of the others.
        peak: the most bytes that tensors held at once, above what they held before, while this explanation was
            computed alone; None where that was not measured. Of several explanations it is the largest.
    """

    subsets: int = 0
    forwards: int = 0
    backwards: int = 0
    tokens: int = 0
    flops: int = 0
    seconds: float = 0.0
    peak: int | None = None

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            subsets=self.subsets + other.subsets,
            forwards=self.forwards + other.forwards,
            backwards=self.backwards + other.backwards,
            tokens=self.tokens + other.tokens,
            flops=self.flops + other.flops,
            seconds=self.seconds + other.seconds,
            peak=max((peak for peak in (self.peak, other.peak) if peak is not None), default=None),
        )


@dataclass(frozen=True, eq=False)
class Attribution:
    """One method's explanation of one decision on one text.

    Attributes:
        scores: signed; positive supports the target.
        explained: the label explained (a label's name, or the text written).
        value_full, value_empty: the explained value with all features and with none, where the method asked.
        own: cost as if computed alone, in any order: the figure that is compared.
        actual: what really ran, when work was shared with other methods and texts.
        by_token: of a written text, the scores that explain each of its tokens alone, given those before it; None
            where these were not asked for. `own` and `actual` are then of both together.
        written: the characters of each of these tokens; joined, they are the text explained.
        unpooled: of a method that sees the network, the scores of the text's own tokens, which were pooled to `scores`.
        feature_of: the feature that each of these tokens belongs to.
    """

    example: Example
    features: tuple[Feature, ...]
    scores: Float[np.ndarray, " features"]
    target: Target
    explained: str
    operator: Operator | None = None
    value_full: float | None = None
    value_empty: float | None = None
    own: Cost = field(default_factory=Cost)
    actual: Cost = field(default_factory=Cost)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    by_token: Float[np.ndarray, "target_tokens features"] | None = None
    written: tuple[str, ...] = ()
    unpooled: Float[np.ndarray, " tokens"] | None = None
    feature_of: Int[np.ndarray, " tokens"] | None = None

    def __post_init__(self) -> None:
        if self.scores.shape != (len(self.features),):
            raise ValueError(f"{len(self.features)} features need as many scores, not an array {self.scores.shape}")
        if self.by_token is None:
            return
        wanted = len(self.written), len(self.features)
        if self.by_token.shape != wanted or self.by_token.dtype != self.scores.dtype:
            raise ValueError(
                f"scores of each token are an array {wanted} of {self.scores.dtype}, "
                f"not {self.by_token.shape} of {self.by_token.dtype}"
            )

    def _repr_html_(self) -> str:
        """How a notebook displays it."""
        return coloured(self)


@dataclass(frozen=True)
class Measure:
    """One metric's value on one example under one operator.

    Attributes:
        metric: content hash of the metric's identity.
        operator: "" for metrics that remove nothing.
        value: None where the metric does not apply.
        permuted: by a metric that asks no network, its values for the same scores in other orders of the words; the
            orders are the same for all methods and networks. In single precision.
    """

    metric: str
    example: str
    operator: str
    value: float | None
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    permuted: tuple[float, ...] = ()


@dataclass(frozen=True)
class Record:
    """One cell's outcome, as stored and read.

    Attributes:
        cell: content hash of everything that decides the cell's numbers.
        specs: the parts by name: dataset, model, chain, seed, method, operator, replicate, target.
        cause: of a cell that failed, what kind of failure it was; None where an earlier version did not say.
        left_out: examples that were not explained, with the reason.
        bundle: sha256 of the safetensors file that holds the attributions.
        machine: where it ran, and the versions it ran with.
        network: what was found of the network before it was explained: its `check`, and a hash of its `weights` where
            these were made from a recipe.
        plugins: the distributions whose plugins made it, each with its `version` and a `sha256` of their sources.
    """

    cell: str
    specs: Mapping[str, Any]
    status: Status
    reason: str | None = None
    cause: Cause | None = None
    own: Cost = field(default_factory=Cost)
    actual: Cost = field(default_factory=Cost)
    left_out: Mapping[str, str] = field(default_factory=dict)
    bundle: str | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    plugins: Mapping[str, Any] = field(default_factory=dict)
    measures: Sequence[Measure] = ()
    # by the metric's content hash: whether it could be computed, and if not why
    metric_status: Mapping[str, tuple[Status, str | None]] = field(default_factory=dict)


def as_scores(returned: Scores | Shaped[np.ndarray, "..."] | float) -> Scores:
    """What a plugin returned, with empty diagnostics where it gave only the values."""
    return returned if isinstance(returned, Scores) else Scores(returned)
