"""Faithfulness AUC (Atanasova et al., arXiv 2009.13295): how fast are decisions lost as the top words go?"""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, SubsetMetric
from attrimark_registry.ranking import length, selections
from pydantic import Field


class FaithfulnessAuc(SubsetMetric):
    """The area under accuracy against the share of top features removed, by the trapezoid rule: lower is better.

    Accuracy is on the gold label, in steps of a tenth from the full text to none of it; the mean over texts is
    the area under their mean curve. A model that says the same to everything gets its accuracy, whatever the
    explanation. Shares are rounded up to features, an expectation over tied ones.

    Options:
        steps: equal steps from 0 to 1.
    """

    name = "faithfulness-auc"
    reading = "decision"
    target = "gold"
    higher_is_better = False

    steps: int = Field(10, ge=1)

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        count = len(attribution.features)
        everything = np.ones((1, count), dtype=bool), np.ones(1)
        removed = (
            selections(attribution.scores, length(step / self.steps, count), rng) for step in range(1, self.steps + 1)
        )
        curve = [everything, *((~keep, weights) for keep, weights in removed)]
        keep = np.concatenate([keep for keep, _ in curve])
        # the trapezoid rule: half a step for either end
        widths = np.full(self.steps + 1, 1 / self.steps)
        widths[[0, -1]] /= 2
        weights = np.concatenate([width * weights for width, (_, weights) in zip(widths, curve, strict=True)])
        decided = yield keep
        return float(weights @ decided)
