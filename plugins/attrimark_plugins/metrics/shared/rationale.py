"""Which features a rationale keeps: for metrics that remove features."""

from __future__ import annotations

from abc import ABC
from typing import Any, Literal

import numpy as np
from attrimark_registry import Attribution, Keep, SubsetMetric
from attrimark_registry.ranking import Weights, length, selections
from jaxtyping import Float
from pydantic import Field, model_validator

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


class RationaleMetric(SubsetMetric, ABC):
    """Looks at what a rationale keeps of the text, or what it leaves.

    Options:
        ratio: keep this share of the features.
        threshold: keep the features that score above it, or above the mean.
    """

    ratio: float | None = Field(None, gt=0, le=1)
    threshold: Threshold | None = "mean"

    _one_rule = model_validator(mode="before")(one_rule)

    def rationales(self, attribution: Attribution, rng: np.random.Generator) -> tuple[Keep, Weights]:
        """Those of one text, by the rule that is named, with their probabilities."""
        return rationales(attribution.scores, self.ratio, self.threshold, rng)
