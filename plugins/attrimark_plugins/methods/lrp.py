"""Relevance and gradients of attention (Chefer, Gur & Wolf, CVPR 2021, arXiv 2012.09838): "improved LRP"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from attrimark_registry import Batch, Model, ModelMethod, Scores, Unsupported
from pydantic import Field

from .attention_rollout import rollout
from .shared.attentions import attentions_and_gradients, reads_of, rows_read
from .shared.encoder_relevance import Parts, attention_relevance


class Lrp(ModelMethod):
    """Attention that both carries relevance and raises the value, followed through the blocks; never negative.

    The relevance of each head's attention times the value's gradient in that attention, cut at 0, is averaged over
    heads; blocks combine as in attention rollout. Of that, a token's score is what reaches the token that the head
    reads. The first token itself, which reaches itself on the residual path, gets the lowest score of all. Where the
    head reads the mean over tokens, what reaches them is averaged, without what tokens keep on that path.

    Relevance starts as one unit at the target and goes back by the z⁺ rule; `conservation_residual` is how far from
    one unit it is at the worst stage. The rule for products divides by sums that may cancel: in float32, rounding
    moves scores of some texts by per cents of the largest. Where no attention carries relevance and raises the
    value, all scores are 0 and `nothing_positive` is 1.

    The paper takes the gradient of the logit: `reading = "logit"`.

    Options:
        start_layer: the first block that counts, from 0; the authors' code takes all, or the last one only.
    """

    name = "lrp"
    needs = frozenset({"gradients", "attentions"})

    start_layer: int = Field(0, ge=0)

    @property
    def passes(self) -> int:
        return 4  # there and back, and relevance on its way back, which takes as long again

    def attribute(self, model: Model, batch: Batch, rngs: Sequence[np.random.Generator]) -> Scores:
        """Token scores, 0 at padding.

        Raises:
            Unsupported: blocks or a head that no rule is known for; fewer blocks than `start_layer` skips.
        """
        parts = Parts.of(model.network)
        if self.start_layer >= len(parts.blocks):
            raise Unsupported(f"start_layer = {self.start_layer} leaves none of {len(parts.blocks)} blocks")
        with parts.recorded() as calls:
            weights, gradients = attentions_and_gradients(model, batch, self.reading)
        reads = reads_of(model)
        if reads == "last":
            raise Unsupported("lrp starts from heads that read the first token or the mean over tokens, not the last")
        mean = reads == "mean"
        relevances, totals = attention_relevance(parts, calls, weights, batch, mean, self.start_layer)
        flows = [
            (gradient * relevance).clamp(min=0).mean(1)
            for gradient, relevance in zip(gradients[self.start_layer :], relevances, strict=True)
        ]
        moved, stayed = rollout(flows)
        if mean:
            scores = rows_read(model, batch, moved)
        else:
            scores = rows_read(model, batch, moved + stayed.diag_embed())
            scores[:, 0] = scores.masked_fill(~batch.real, torch.inf).amin(-1)
        nothing = torch.stack([flow.flatten(1).sum(1) for flow in flows]).sum(0) == 0
        return Scores(
            scores.masked_fill(nothing.unsqueeze(-1), 0.0),
            {
                "conservation_residual": (totals - 1).abs().amax(0),
                "nothing_positive": nothing.to(scores.dtype),
            },
        )
