"""Does the prediction follow a planted word? Known before any explanation is judged by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from attrimark_registry import Example, Model, ModelMetric
from jaxtyping import Float

from attrimark_plugins.datasets.planted import swapped


class Reliance(ModelMetric):
    """1 where swapping the planted word flips the prediction, 0 where it does not.

    A model that learned the task has 1 for the cue and 0 for the distractor: only then is the cue the right
    explanation.
    """

    name = "reliance"
    headline: ClassVar[bool] = False
    higher_is_better: ClassVar[bool | None] = None

    swap: Literal["cue", "distractor"] = "cue"

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        """One number an example; NaN where the example has no such word.

        Raises:
            Unsupported: the model decides for none of several labels.
        """
        model.require_one_of_labels()
        flips = np.full(len(examples), np.nan)
        pairs = [(place, example, swapped(example, self.swap)) for place, example in enumerate(examples)]
        pairs = [(place, example, other) for place, example, other in pairs if other]
        before = model.predict([model.encode(example) for _, example, _ in pairs])
        after = model.predict([model.encode(other) for _, _, other in pairs])
        flips[[place for place, _, _ in pairs]] = np.not_equal(before, after)
        return flips
