"""How far apart the responses of the fine-tuned and the pre-trained network are, whatever made them so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from attrimark_registry import Batch, Example, Model, ModelMetric
from jaxtyping import Float
from torch import Tensor

from attrimark_plugins.methods.shared.contributions import final_states, last_tokens, share

from .shared.contributions_of_texts import in_batches


class OutputContribution(ModelMetric):
    """‖x_L − x_L'‖₁ / (‖x_L'‖₁ + ‖x_L − x_L'‖₁), where x_L' is the last state of the pre-trained network on its own.

    The detector that TuCo is compared with: it sees only where the two networks end, so that contributions which
    cancel on the way count for nothing.

    Options:
        tokens: the last token's states, or those of all tokens.
    """

    name = "output-contribution"
    needs = frozenset({"pretrained"})
    headline = False
    higher_is_better = None

    tokens: Literal["last", "all"] = "last"

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        """The share of each text.

        Raises:
            Unsupported: the pre-trained network is not known, or is no twin of this one; no text can be taken.
        """
        pretrained = model.require_pretrained()

        def measure(batch: Batch) -> Float[Tensor, "batch 1"]:
            after = final_states(model, batch)
            with pretrained.active():
                before = final_states(pretrained, batch)
            if self.tokens == "last":
                after, before = last_tokens(after, batch.real), last_tokens(before, batch.real)
            else:
                padding = ~batch.real.unsqueeze(-1)
                after, before = (each.masked_fill(padding, 0).flatten(1) for each in (after, before))
            apart = (after - before).abs().sum(-1, keepdim=True)
            return share(apart, before.abs().sum(-1, keepdim=True))

        return in_batches(model, examples, measure, 1)[:, 0]
