"""The network's raw outputs for the rationales of one cell: what every analysis of its explanations is made of.

Outputs come before any reading, so that which class's value is taken, and how, is chosen afterwards and without the
network; only what decides the subsets (the length of a rationale, how scores are pooled, how features are removed) is
gone through beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from attrimark_registry.reading import Reading, read_chosen_labels, read_chosen_steps
from attrimark_registry.removal import Operator
from jaxtyping import Bool, Float, Int

from attrimark.suite.choices import Pooling

NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class RawOutputs:
    """Raw outputs of the texts of one cell, and which of them belong to which rationale.

    Attributes:
        texts: the examples' ids; where a text was explained in several ways, its id is there as often.
        labels: names of the outputs; empty for a writer, whose outputs are log p of the tokens of its continuation.
        outputs: of all subsets of features that were asked for; 0 after the end of a shorter continuation.
        text: the text that each of them is of.
        full: the row of `outputs` with all features of a text, and `empty` with none.
        rationale: for each rationale its text, operator, pooling and length, as one flat index. There are several of
            one index where scores are tied.
        kept: the row of `outputs` with the rationale alone, and `removed` with all but it.
        weights: probabilities of rationales of one index; they sum to 1.
        predicted: which outputs make up the decision on the full text.
        explained: which outputs the explanation is of.
        gold: the index of the text's own label, or NO_LABEL.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    operators: tuple[Operator, ...]
    poolings: tuple[Pooling, ...]
    lengths: tuple[float, ...]
    outputs: Float[np.ndarray, "subsets outputs"]
    text: Int[np.ndarray, " subsets"]
    full: Int[np.ndarray, " texts"]
    empty: Int[np.ndarray, "texts operators"]
    rationale: Int[np.ndarray, " rationales"]
    kept: Int[np.ndarray, " rationales"]
    removed: Int[np.ndarray, " rationales"]
    weights: Float[np.ndarray, " rationales"]
    predicted: Bool[np.ndarray, "texts outputs"]
    explained: Bool[np.ndarray, "texts outputs"]
    gold: Int[np.ndarray, " texts"]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.texts), len(self.operators), len(self.poolings), len(self.lengths)

    def lost(self, reading: Reading, whose: str) -> Float[np.ndarray, "2 texts operators poolings lengths"]:
        """v(full) − v(kept) and v(full) − v(removed), expected over tied scores; NaN where that class is not read.

        Args:
            whose: "predicted", "gold" or a label.

        Raises:
            Unsupported: a decision is read of a continuation.
        """
        wanted, applies = self._wanted(whose), self.reads(whose)
        # elsewhere anything that can be read will do
        chosen = np.where(applies[:, None], wanted, self.predicted)
        read = read_chosen_labels if self.labels else read_chosen_steps
        values = read(torch.from_numpy(self.outputs).double(), torch.from_numpy(chosen[self.text]), reading).numpy()
        full = values[self.full][self.text[self.kept]]
        size = int(np.prod(self.shape))
        lost = [
            np.bincount(self.rationale, self.weights * (full - values[rows]), size).reshape(self.shape)
            for rows in (self.kept, self.removed)
        ]
        return np.where(applies[:, None, None, None], np.stack(lost), np.nan)

    def reads(self, whose: str) -> Bool[np.ndarray, " texts"]:
        """On which texts a class is read: the decided one on every text, any other where it is explained."""
        if whose == "predicted":
            return np.ones(len(self.texts), dtype=bool)
        wanted = self._wanted(whose)
        return wanted.any(axis=1) & (wanted == self.explained).all(axis=1)

    def _wanted(self, whose: str) -> Bool[np.ndarray, "texts outputs"]:
        """Which outputs are those of a class; none where there is no such label."""
        if whose == "predicted":
            return self.predicted
        label = self.labels.index(whose) if whose in self.labels else NO_LABEL
        index = self.gold if whose == "gold" else np.full(len(self.texts), label)
        return index[:, None] == np.arange(self.predicted.shape[1])
