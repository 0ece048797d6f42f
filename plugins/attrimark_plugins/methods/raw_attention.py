"""The last block's attention, as it is: the oldest explanation of a transformer, and a yardstick for the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Batch, Model, ModelMethod, Scores

from .shared.attentions import attentions, rows_read


class RawAttention(ModelMethod):
    """How much the token that the head reads attends to each token in the last block: the mean over heads.

    Where the head reads the mean over tokens: the mean of their attention. It takes no side, and knows nothing of the
    target. Scores sum to 1 with those of special tokens.
    """

    name = "raw-attention"
    needs = frozenset({"attentions"})

    @property
    def passes(self) -> int:
        return 1

    def attribute(self, model: Model, batch: Batch, rngs: Sequence[np.random.Generator]) -> Scores:
        return Scores(rows_read(model, batch, attentions(model, batch)[-1].mean(1)))
