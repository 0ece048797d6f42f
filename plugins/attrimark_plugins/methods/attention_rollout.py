"""Attention rollout (Abnar & Zuidema, ACL 2020, arXiv 2005.00928)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from attrimark_registry import Batch, Model, ModelMethod, Scores
from jaxtyping import Float
from torch import Tensor

from .shared.attentions import attentions, rows_read


class AttentionRollout(ModelMethod):
    """Attention followed through all blocks, where half of each token goes round the attention on its residual path.

    The product of the blocks' mean attentions with the identity added, each row scaled to sum to 1; of that the row of
    the token that the head reads (the mean of the rows where it reads the mean). It takes no side, and knows nothing
    of the target. Scores sum to 1 with those of special tokens.
    """

    name = "attention-rollout"
    needs = frozenset({"attentions"})

    @property
    def passes(self) -> int:
        return 1

    def attribute(self, model: Model, batch: Batch, rngs: Sequence[np.random.Generator]) -> Scores:
        moved, stayed = rollout([each.mean(1) for each in attentions(model, batch)])
        return Scores(rows_read(model, batch, moved + stayed.diag_embed()))


def rollout(
    flows: Sequence[Float[Tensor, "batch tokens tokens"]],
) -> tuple[Float[Tensor, "batch tokens tokens"], Float[Tensor, "batch tokens"]]:
    """What reaches each token (rows) from each token (columns) through all blocks: by attention, and by staying.

    First what came through the attention of at least one block, then what each token kept of itself on the residual
    path alone. A row and what its token kept sum to 1.

    Args:
        flows: of each block, first to last, none negative; a token's residual path counts 1 beside its row.
    """
    moved, stayed = torch.zeros_like(flows[0]), torch.ones_like(flows[0][:, 0])
    for flow in flows:
        whole = 1 + flow.sum(-1)
        moved = (flow @ (moved + stayed.diag_embed()) + moved) / whole.unsqueeze(-1)
        stayed = stayed / whole
    return moved, stayed
