"""TuCo: how much fine-tuning contributed to a response, block by block. See `contributions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from attrimark_registry import Batch, Model, ModelMethod, Scores

from .shared.contributions import contributions


class TuCo(ModelMethod):
    """The size of what pre-training and fine-tuning each add to the last token's state in every block.

    Its features are blocks, not words: first what pre-training adds in each, then what fine-tuning adds. Scores are
    norms, never negative. They do not sum to TuCo, which is a diagnostic: it takes the norm of sums over blocks. The
    other diagnostics are `beta`, `embedding_change`, the `residual` of the decomposition, and `post_norm` (1 where
    the blocks normalise what they return, as BERT's do).

    Options:
        order: of the norm; the paper's is 1.
    """

    name = "tuco"
    needs = frozenset({"pretrained"})
    features = "components"

    order: Literal[1, 2] = 1

    def components(self, model: Model) -> Sequence[str]:
        blocks = range(1, len(model.blocks()) + 1)
        return [f"block {place} · {what}" for what in ("pre-training", "fine-tuning") for place in blocks]

    def attribute(self, model: Model, batch: Batch, rngs: Sequence[np.random.Generator]) -> Scores:
        """Norms at the last token, [batch, 2 · blocks].

        Raises:
            Unsupported: the pre-trained network is not known, or is no twin of this one.
        """
        found = contributions(model, model.require_pretrained(), batch, self.order)
        return Scores(
            torch.cat([found.pretraining, found.fine_tuning], -1),
            {
                "tuco": found.tuco(self.order),
                "beta": found.beta,
                "embedding_change": found.embedding_change,
                "residual": found.residual,
                "post_norm": np.full(len(batch), float(found.post_norm)),
            },
        )
