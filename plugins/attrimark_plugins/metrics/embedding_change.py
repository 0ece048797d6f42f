"""How far fine-tuning moved the embeddings of a text, which no block's contribution holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Example, Model, ModelMetric, Scores

from .shared.contributions_of_texts import contributions_of_texts


class EmbeddingChange(ModelMetric):
    """‖x_0 − x_0'‖₁ over a text's tokens: what the first block is given, after and before fine-tuning."""

    name = "embedding-change"
    needs = frozenset({"pretrained"})
    bounds = (0.0, np.inf)
    headline = False
    higher_is_better = None

    def measure(self, model: Model, examples: Sequence[Example]) -> Scores:
        """The distance of each text.

        Raises:
            Unsupported: the pre-trained network is not known, or is no twin of this one; no text can be taken.
        """
        found = contributions_of_texts(model, examples)
        return found.told(found.embedding_change)
