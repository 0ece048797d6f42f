"""Embedding similarity: do a written text and the reference mean the same to a sentence encoder?

Reimers & Gurevych (EMNLP 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Example, Model, ModelMetric
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from attrimark_plugins.models.minilm import WEIGHTS

from .shared.text_encoder import TextEncoder
from .shared.written_texts import written_and_references


class EmbeddingSimilarity(ModelMetric):
    """The cosine of the sentence embeddings of the greedy text and the reference: means over their tokens' states.

    NaN for a text without a reference, one that the model cannot take, and where either is longer than the encoder
    takes.

    Options:
        model: the encoder; all-MiniLM-L6-v2, from the package index, unless another is named (`path:...`).
    """

    name = "embedding-similarity"
    bounds = (-1.0, 1.0)

    model: str = WEIGHTS

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        pairs = written_and_references(model, examples)
        encoder = TextEncoder.of(self.model, model.device)
        similar = np.full(len(examples), np.nan)
        for place, texts in pairs.items():
            one, other = (_embedded(encoder, text) for text in texts)
            if one is not None and other is not None:
                similar[place] = float(cosine_similarity(one, other, dim=0).clamp(-1, 1))
        return similar


def _embedded(encoder: TextEncoder, text: str) -> Float[Tensor, " dim"] | None:
    found = encoder.states(text)
    return None if found is None else found[0].mean(0)
