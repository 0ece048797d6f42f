"""The contributions of fine-tuning to each text's response, measured once for all metrics that read them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from attrimark_registry import Batch, Example, Model, Scores, smaller_on_exhaustion
from jaxtyping import Float
from torch import Tensor

from attrimark_plugins.methods.shared.contributions import contributions

from .predictions import encodable

TOKENS_A_BATCH = 2048

# metrics look at one model after another on the same texts: the last ones of each model that is still there
_known: WeakKeyDictionary[Model, tuple[Hashable, ContributionsOfTexts]] = WeakKeyDictionary()


@dataclass(frozen=True)
class ContributionsOfTexts:
    """One number a text, NaN where the model cannot take the text.

    Attributes:
        tuco: by the order of the norm.
        post_norm: the blocks normalise what they return.
    """

    tuco: dict[int, Float[np.ndarray, " texts"]]
    beta: Float[np.ndarray, " texts"]
    embedding_change: Float[np.ndarray, " texts"]
    residual: Float[np.ndarray, " texts"]
    post_norm: bool

    def told(self, values: Float[np.ndarray, " texts"]) -> Scores:
        """One of the numbers, with what a reader must know of it: rounding, and whether blocks write to a residual."""
        return Scores(values, {"residual": self.residual, "post_norm": np.full(len(values), float(self.post_norm))})


def contributions_of_texts(model: Model, examples: Sequence[Example]) -> ContributionsOfTexts:
    """The contributions of fine-tuning; measured again only for other texts or other weights.

    Raises:
        Unsupported: the pre-trained network is not known, or is no twin; the model can take none of the texts.
    """
    pretrained = model.require_pretrained()
    key = tuple(examples), weights_of(model), weights_of(pretrained)
    if model not in _known or _known[model][0] != key:
        _known[model] = key, _measured(model, pretrained, examples)
    return _known[model][1]


def in_batches(
    model: Model, examples: Sequence[Example], measure: Callable[[Batch], Float[Tensor, "batch numbers"]], numbers: int
) -> Float[np.ndarray, "texts numbers"]:
    """So many numbers a text, measured on batches of like length inside `model.active()`; NaN for texts it cannot take.

    Raises:
        Unsupported: the model can take none of the texts.
    """
    rows = encodable(model, examples)
    table = np.full((len(examples), numbers), np.nan)

    def fill(places: Sequence[int]) -> None:
        table[places] = measure(model.collate([rows[place] for place in places])).double().cpu().numpy()

    places = list(rows)
    with model.active():
        for group in model.sharing(list(rows.values())):
            left = [places[index] for index in group]
            while left:
                count = max(1, TOKENS_A_BATCH // len(rows[left[0]]))
                smaller_on_exhaustion(fill, left[:count])
                left = left[count:]
    return table


def _measured(model: Model, pretrained: Model, examples: Sequence[Example]) -> ContributionsOfTexts:
    post_norm = False

    def measure(batch: Batch) -> Float[Tensor, "batch 5"]:
        nonlocal post_norm
        found = contributions(model, pretrained, batch)
        post_norm = found.post_norm
        return torch.stack([found.tuco(1), found.tuco(2), found.beta, found.embedding_change, found.residual], -1)

    one, two, beta, embedding_change, residual = in_batches(model, examples, measure, 5).T
    return ContributionsOfTexts({1: one, 2: two}, beta, embedding_change, residual, post_norm)


def weights_of(model: Model) -> Hashable:
    """Changes whenever a weight is written to or replaced, or the network is altered otherwise."""
    return model.altered, tuple((id(each), each._version) for each in model.network.parameters())
