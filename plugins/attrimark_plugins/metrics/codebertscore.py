"""CodeBERTScore (Zhou, Alon, Agarwal & Neubig, EMNLP 2023): BERTScore (Zhang et al., ICLR 2020) of code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Example, Model, ModelMetric, Scores
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize

from .shared.text_encoder import TextEncoder
from .shared.written_texts import written_and_references


class CodeBertScore(ModelMetric):
    """F1 of a greedy matching: each token of the code written finds its most similar one in the reference, and back.

    Precision is the mean over tokens written of the largest cosine of contextual embeddings, recall that over tokens
    of the reference; both are diagnostics. Special tokens and tokens without a letter or a digit count for nothing. F1
    is 0 where nothing that counts is written, and where either is not positive. NaN for a text without a reference, or
    with one of which nothing counts; one that the model cannot take; and where either is longer than the encoder takes.

    Options:
        model: a code model's encoder in safetensors: `path:...`, or `hf:owner/name@revision`.
        layer: the block whose states are compared; the last by default.
        context: put the text explained before both, as the paper does; its tokens are not compared.
    """

    name = "codebertscore"

    model: str
    layer: int | None = Field(None, ge=1)
    context: bool = True

    def measure(self, model: Model, examples: Sequence[Example]) -> Scores:
        """F1, with `precision` and `recall`.

        Raises:
            Unsupported: the encoder is not at hand or has fewer blocks; the model writes no text; no text has a
                reference.
        """
        pairs = written_and_references(model, examples)
        encoder = TextEncoder.of(self.model, model.device)
        found = np.full((3, len(examples)), np.nan)
        for place, texts in pairs.items():
            before = f"{examples[place].text}\n" if self.context else ""
            written, reference = (self._states(encoder, before, text) for text in texts)
            if written is not None and reference is not None and len(reference):
                precision, recall = greedy_matching(written, reference)
                found[:, place] = harmonic_mean(precision, recall), precision, recall
        f1, precision, recall = found
        return Scores(f1, {"precision": precision, "recall": recall})

    def _states(self, encoder: TextEncoder, before: str, code: str) -> Float[Tensor, "tokens dim"] | None:
        """Embeddings of the tokens that count; None where the code is too long."""
        text = before + code
        found = encoder.states(text, self.layer)
        if found is None:
            return None
        states, characters = found
        counts = [start >= len(before) and any(each.isalnum() for each in text[start:end]) for start, end in characters]
        return states[counts]


def greedy_matching(
    written: Float[Tensor, "written dim"], reference: Float[Tensor, "reference dim"]
) -> tuple[float, float]:
    """Precision and recall; 0 where there is nothing to match."""
    if not len(written) or not len(reference):
        return 0.0, 0.0
    cosines = normalize(written, dim=-1) @ normalize(reference, dim=-1).T
    return tuple(float(cosines.amax(dim).mean().clamp(-1, 1)) for dim in (1, 0))  # pyright: ignore[reportReturnType]


def harmonic_mean(one: float, other: float) -> float:
    """2ab/(a + b); 0 where either is not positive."""
    return 2 * one * other / (one + other) if min(one, other) > 0 else 0.0
