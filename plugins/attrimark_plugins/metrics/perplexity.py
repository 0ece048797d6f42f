"""Perplexity: how surprised a language model is by a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Batch, Example, Model, ModelMetric, Unsupported
from attrimark_registry.encoding import PROTECTED
from attrimark_registry.reading import at_least_float32
from jaxtyping import Float
from torch import Tensor

from .shared.contributions_of_texts import in_batches


class Perplexity(ModelMetric):
    """exp of the mean of −log p over the tokens of the text, but for a row's first token.

    What a prompt or a chat template puts around the text is read, and not counted: it is the same for all texts. A
    trivial detector of unusual prompts, which better ones are compared with.
    """

    name = "perplexity"
    version = "2"
    higher_is_better = None
    bounds = (1.0, np.inf)
    headline = False

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        """The perplexity of each text, NaN for one of a single token that nothing precedes.

        Raises:
            Unsupported: the model is an encoder; no text can be taken.
        """
        if not model.left_padded:
            raise Unsupported("an encoder predicts no next token, so that texts have no perplexity")

        def measure(batch: Batch) -> Float[Tensor, "batch 1"]:
            logits = model.network(
                input_ids=batch.input_ids,
                attention_mask=batch.attention_mask,
                position_ids=batch.position_ids,
                use_cache=False,
            ).logits
            told = at_least_float32(logits[:, :-1]).log_softmax(-1)
            following = batch.input_ids[:, 1:].unsqueeze(-1)
            counted = batch.real[:, :-1] & (batch.feature_of[:, 1:] != PROTECTED)
            surprise = -told.gather(-1, following).squeeze(-1).masked_fill(~counted, 0)
            return (surprise.sum(-1) / counted.sum(-1)).exp().unsqueeze(-1)

        return in_batches(model, examples, measure, 1)[:, 0]
