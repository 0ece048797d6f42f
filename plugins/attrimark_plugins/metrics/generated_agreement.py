"""Generated agreement: Videneeva's sufficiency as she measured it, by what the model writes."""

from __future__ import annotations

import numpy as np
from attrimark_registry import Attribution, Exploration, Scores

from .shared.rationale import RationaleMetric


class GeneratedAgreement(RationaleMetric):
    """1 where the model writes the same label for the kept words in its prompt as for the full text: her Table I.

    Both answers are decoded greedily and parsed. One without a label agrees with nothing, and neither does an empty
    selection: what `rationale-agreement` finds above this is lost to the format of the answers, not to the explanation.
    The diagnostic `parsed` is the share of rationales whose answer holds a label, `kept` the share of features kept.
    """

    name = "generated-agreement"
    reading = "answer"

    def explore(self, attribution: Attribution, rng: np.random.Generator) -> Exploration:
        keep, weights = self.rationales(attribution, rng)
        everything = np.ones((1, keep.shape[1]), dtype=bool)
        answers = yield np.concatenate([everything, keep])
        full, kept = answers[0], answers[1:]
        parsed = kept >= 0
        agrees = parsed & (kept == full) & keep.any(axis=1)
        told = {"kept": float(weights @ keep.mean(axis=1)), "parsed": float(weights @ parsed)}
        return Scores(float(weights @ agrees), told)
