"""The gradient's size, or saliency (Simonyan, Vedaldi & Zisserman, arXiv 1312.6034)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from attrimark_registry import Batch, Model, ModelMethod, Scores

from .shared.value_gradient import value_gradient


class Gradient(ModelMethod):
    """The norm of ∂f/∂e, the value's gradient in each token's word embedding; it takes no side."""

    name = "gradient"
    needs = frozenset({"gradients"})

    norm: Literal["l2", "l1"] = "l2"

    def attribute(self, model: Model, batch: Batch, rngs: Sequence[np.random.Generator]) -> Scores:
        gradient = value_gradient(model, batch, model.embed(batch), self.reading)
        return Scores(gradient.norm(p=2 if self.norm == "l2" else 1, dim=-1))
