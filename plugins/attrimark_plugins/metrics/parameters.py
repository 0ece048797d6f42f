"""How large a model is: what trends over scales are drawn against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Example, Model, ModelMetric

from .fine_tuning_surface import weight_counts


class Parameters(ModelMetric):
    """The number of the network's weights: tied ones once, those in four bits one by one, adapters among them."""

    name = "parameters"
    higher_is_better = None
    bounds = (0.0, np.inf)
    headline = False

    def measure(self, model: Model, examples: Sequence[Example]) -> float:
        return float(sum(weight_counts(model.network).values()))
