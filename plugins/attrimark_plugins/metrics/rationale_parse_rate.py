"""Rationale parse rate: how often a prompted model's answer to the kept words alone holds a label at all."""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, Scores

from .shared.rationale import RationaleMetric


class RationaleParseRate(RationaleMetric):
    """1 where a label is found in what the model writes for the kept words in its prompt, 0 where none is.

    `parse-rate` says the same of full texts. Where nothing is kept, the model still answers the empty prompt. The
    answers are those of `generated-agreement`, and cost nothing beside it.
    """

    name = "rationale-parse-rate"
    reading = "answer"
    headline = False

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        keep, weights = self.rationales(attribution, rng)
        answers = yield keep
        return Scores(float(weights @ (answers >= 0)), {"kept": float(weights @ keep.mean(axis=1))})
