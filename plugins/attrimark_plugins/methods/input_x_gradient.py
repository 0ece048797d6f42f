"""Input × gradient (Shrikumar et al., arXiv 1605.01713; Denil, Demiraj & de Freitas, arXiv 1412.6815)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from attrimark_registry import Batch, Model, ModelMethod, Scores, at_least_float32
from torch.nn.functional import cosine_similarity

from .shared.value_gradient import value_gradient

# of alignments: on tiny random networks, at most 5.5e-5 where words are normalised at once, at least 1.1e-3 elsewhere
ROUNDING = 3e-4


class InputXGradient(ModelMethod):
    """Σ_d e·∂f/∂e of each token: what its word embedding adds to a value that is linear in embeddings.

    `absolute` drops the sign of each token's sum: for parity with papers that print it so.

    A network that normalises each word embedding before anything else (LayerNorm or RMSNorm: DeBERTa-v2, ModernBERT)
    depends on its direction alone. By Euler's theorem every score is then 0 but for the norm's ε: rounding, with no
    meaning. The diagnostic `alignment` is |cos(e, ∂f/∂e)|, averaged over a text's tokens, and near 0 there.
    """

    name = "input-x-gradient"
    needs = frozenset({"gradients"})

    absolute: bool = False

    def warning(self, diagnostics: Mapping[str, float]) -> str | None:
        alignment = diagnostics.get("alignment", 1.0)
        if alignment >= ROUNDING:
            return None
        return (
            f"the network normalises word embeddings at once, so that scores are 0 but for rounding (alignment "
            f"{alignment:.0e}): their order means nothing"
        )

    def attribute(self, model: Model, batch: Batch, rngs: Sequence[np.random.Generator]) -> Scores:
        embeddings = model.embed(batch).detach()
        gradient = value_gradient(model, batch, embeddings, self.reading)
        embeddings = at_least_float32(embeddings)
        scores = (embeddings * gradient).sum(-1)
        cosines = torch.where(batch.real, cosine_similarity(embeddings, gradient, dim=-1, eps=0.0), 0.0)
        alignment = cosines.nan_to_num().abs().sum(-1) / batch.real.sum(-1)
        return Scores(scores.abs() if self.absolute else scores, {"alignment": alignment})
