"""Rationale parse rate: how often a prompted model's answer to the kept words alone holds a label at all."""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, Scores, SubsetMetric
from pydantic import Field, model_validator

from .rationale import Threshold, one_rule, rationales


class RationaleParseRate(SubsetMetric):
    """1 where a label is found in what the model writes for the kept words in its prompt, 0 where none is.

    `parse-rate` says the same of full texts. Where nothing is kept, the model still answers the empty prompt. The
    answers are those of `generated-agreement`, and cost nothing beside it.
    """

    name = "rationale-parse-rate"
    reading = "answer"
    headline = False

    ratio: float | None = Field(None, gt=0, le=1)
    threshold: Threshold | None = "mean"

    _one_rule = model_validator(mode="before")(one_rule)

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        keep, weights = rationales(attribution.scores, self.ratio, self.threshold, rng)
        answers = yield keep
        return Scores(float(weights @ (answers >= 0)), {"kept": float(weights @ keep.mean(axis=1))})
