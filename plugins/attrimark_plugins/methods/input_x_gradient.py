"""Input × gradient (Shrikumar et al., arXiv 1605.01713; Denil, Demiraj & de Freitas, arXiv 1412.6815)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Batch, Model, ModelMethod, Scores, at_least_float32

from .value_gradient import value_gradient


class InputXGradient(ModelMethod):
    """Σ_d e·∂f/∂e of each token: what its word embedding adds to a value that is linear in embeddings.

    `absolute` drops the sign of each token's sum: for parity with papers that print it so.
    """

    name = "input-x-gradient"
    needs = frozenset({"gradients"})

    absolute: bool = False

    def attribute(self, model: Model, batch: Batch, rngs: Sequence[np.random.Generator]) -> Scores:
        embeddings = model.embed(batch).detach()
        scores = (at_least_float32(embeddings) * value_gradient(model, batch, embeddings, self.reading)).sum(-1)
        return Scores(scores.abs() if self.absolute else scores)
