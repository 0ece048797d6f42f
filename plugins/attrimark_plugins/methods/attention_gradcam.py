"""Grad-CAM on attention, a baseline of Chefer, Gur & Wolf (CVPR 2021), after Selvaraju et al. (arXiv 1610.02391)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from attrimark_registry import Batch, Model, ModelMethod, Scores

from .shared.attentions import attentions_and_gradients, rows_read


class AttentionGradcam(ModelMethod):
    """The last block's attention maps, weighted by their mean gradients as Grad-CAM weighs the channels of an image.

    A head's weight is the mean of ∂value/∂attention over all pairs of tokens; the mean over heads is cut at 0. Of
    that the row of the token that the head reads (the mean of the rows where it reads the mean). Scores are not
    rescaled from text to text.
    """

    name = "attention-gradcam"
    needs = frozenset({"attentions", "gradients"})

    def attribute(self, model: Model, batch: Batch, rngs: Sequence[np.random.Generator]) -> Scores:
        weights, gradients = attentions_and_gradients(model, batch, self.reading)
        seen = batch.attention_mask.to(weights[-1].dtype)
        pairs = torch.einsum("bq,bk->bqk", seen, seen)  # padding has gradients too, where it would be attended to
        of_heads = torch.einsum("bhqk,bqk->bh", gradients[-1], pairs) / pairs.sum((1, 2)).unsqueeze(-1)
        maps = torch.einsum("bh,bhqk->bqk", of_heads, weights[-1]) / of_heads.shape[1]
        return Scores(rows_read(model, batch, maps.clamp(min=0)))
