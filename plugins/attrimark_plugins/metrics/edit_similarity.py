"""Edit similarity of code (Svyatkovskiy, Deng, Fu & Sundaresan, ESEC/FSE 2020): how little is left to correct."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrimark_registry import Example, Model, ModelMetric
from jaxtyping import Float

from .shared.written_texts import written_and_references


class EditSimilarity(ModelMetric):
    """1 − d/n for the greedy text and the reference: Levenshtein's distance d over the longer one's n characters.

    Runs of white space count as one space. NaN for a text without a reference, or one that the model cannot take.
    """

    name = "edit-similarity"

    def measure(self, model: Model, examples: Sequence[Example]) -> Float[np.ndarray, " examples"]:
        similar = np.full(len(examples), np.nan)
        for place, (written, reference) in written_and_references(model, examples).items():
            one, other = (" ".join(text.split()) for text in (written, reference))
            similar[place] = 1 - levenshtein(one, other) / max(len(one), len(other), 1)
        return similar


def levenshtein(one: str, other: str) -> int:
    """The least number of characters to insert, delete or replace that make one text the other."""
    letters = np.array(list(other), dtype="U1")
    places = np.arange(len(other) + 1)
    distances = places  # from the empty beginning of `one` to each beginning of `other`
    for letter in one:
        kept = distances[:-1] + (letters != letter)
        shorter = np.minimum(distances + 1, np.append(len(one) + len(other), kept))
        # an insertion costs one for each place that it goes right: a running minimum, measured from the left
        distances = np.minimum.accumulate(shorter - places) + places
    return int(distances[-1])
