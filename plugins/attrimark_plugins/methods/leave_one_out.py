"""Leave-one-out (Li, Monroe & Jurafsky, arXiv 1612.08220): the simplest method, and the first one to read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Exploration, Feature, SubsetMethod


class LeaveOneOut(SubsetMethod):
    """The drop in the target's value when one feature is removed. n + 1 evaluations for n features."""

    name = "leave-one-out"
    additive = True

    def explore(self, features: Sequence[Feature], rng: np.random.Generator) -> Exploration:
        keep = ~np.eye(len(features) + 1, len(features), k=-1, dtype=bool)  # row 0 keeps all
        values = yield keep
        return values[0] - values[1:]
