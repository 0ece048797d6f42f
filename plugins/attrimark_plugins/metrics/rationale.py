"""Which features a rationale keeps: for metrics that remove features."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from attrimark_registry import Keep
from attrimark_registry.ranking import Weights, length, selections
from jaxtyping import Float

Threshold = Literal["mean"] | float

_RULES = ("ratio", "threshold")


def one_rule(options: Any) -> Any:
    """A metric's options, in which naming a `ratio` or a `threshold` unsets the other's default.

    Raises:
        ValueError: both are named, or both unset.
    """
    named = [rule for rule in _RULES if options.get(rule) is not None]
    if len(named) > 1 or (not named and any(rule in options for rule in _RULES)):
        raise ValueError("name either a ratio or a threshold")
    return {**dict.fromkeys(_RULES), **options} if named else options


def rationales(
    scores: Float[np.ndarray, " features"],
    ratio: float | None,
    threshold: Threshold | None,
    rng: np.random.Generator,
) -> tuple[Keep, Weights]:
    """The rationales that the rule allows, with their probabilities: more than one where a ratio meets ties.

    `ratio` keeps that share of the features, rounded up and at least one. `threshold` keeps the features that
    score above it, or above the mean; these may be none, and tied scores share their fate.
    """
    if threshold is None:
        assert ratio is not None  # one_rule has seen to it
        return selections(scores, length(ratio, len(scores)), rng)
    # measured from the least score, else the rounded mean of equal scores could lie below them
    above = scores - scores.min() if threshold == "mean" else scores
    limit = above.mean() if threshold == "mean" else threshold
    return (above > limit)[None, :], np.ones(1)
