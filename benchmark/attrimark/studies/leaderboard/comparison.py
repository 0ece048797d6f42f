"""One metric over the methods that can be averaged, seed by seed, text by text and operator by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from attrimark.results.entries import Entry
from attrimark.results.scores import BySeedAndText, ScoreArray, foreign, operators_of
from attrimark.statistics.ties import resolved

Bounds = Mapping[Literal["reached", "worst", "best"], Mapping[str, ScoreArray]]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The scores of every method.

    Attributes:
        texts: those that have a value for every method.
        scores: by the method's label, all on the same seeds, texts and operators.
        reasons: of the methods that have no score.
        control: the label of the random one.
        neutral: which operators no method used itself.
        bounds: what each explanation `reached`, by label, and the `worst` and the `best` possible; None unless the
            metric tells its bounds for every text.
    """

    operators: tuple[str, ...]
    texts: tuple[str, ...]
    scores: Mapping[str, ScoreArray]
    reasons: Mapping[str, str]
    control: str | None
    neutral: Bool[np.ndarray, " operators"]
    bounds: Bounds | None = None

    @property
    def values(self) -> Mapping[str, Float[np.ndarray, "seeds texts operators"]]:
        """By the method's label."""
        return {label: array.values for label, array in self.scores.items()}

    def over(self, label: str, operators: Bool[np.ndarray, " operators"]) -> BySeedAndText:
        """A method's mean over some of the operators."""
        return self.scores[label].over(operators)

    def neutrally(self) -> dict[str, BySeedAndText]:
        """Each method's mean over the operators that no method used, as it is to be compared with the others'."""
        same = resolved(self.values)
        return {label: grid[:, :, self.neutral].mean(axis=2) for label, grid in same.items()}

    def differences(self) -> dict[str, BySeedAndText]:
        """Each method minus random, under the operators that neither of them used itself."""
        if self.control is None:
            return {}
        found = {}
        control = self.scores[self.control]
        for label, array in self.scores.items():
            both = foreign(self.operators, array.home, control.home)
            if label != self.control and both.any():
                # of the two alone: what else is in the table moves no difference
                same = resolved({"method": array.values[:, :, both], "control": control.values[:, :, both]})
                found[label] = (same["method"] - same["control"]).mean(axis=2)
        return found


def compared(entries: Sequence[Entry], digest: str, texts: Sequence[str]) -> Comparison:
    """One metric's scores of all methods on the texts that have one everywhere."""
    operators = operators_of((record for entry in entries for record in entry.records.values()), digest)
    found = {entry.label: entry.scores(digest, texts, operators) for entry in entries}
    reasons = {label: array.problem for label, array in found.items() if array.problem}
    scored = {label: array for label, array in found.items() if label not in reasons}
    kept: tuple[str, ...] = ()
    if scored:
        complete = np.array(np.isfinite(np.stack([each.values for each in scored.values()])).all(axis=(0, 1, 3)))
        kept = tuple(text for text, whole in zip(texts, complete, strict=True) if whole)
        scored = {label: array.on(kept) for label, array in scored.items()}
        if not kept:
            reasons |= dict.fromkeys(scored, "no text has a value for every method")
            scored = {}
    ranked = [entry for entry in entries if entry.label in scored]
    return Comparison(
        operators=operators,
        texts=kept,
        scores=scored,
        reasons=reasons,
        control=next((each.label for each in ranked if each.is_control), None),
        neutral=foreign(operators, *(array.home for array in scored.values())),
        bounds=_bounds(ranked, digest, kept, operators),
    )


def _bounds(entries: Sequence[Entry], digest: str, texts: Sequence[str], operators: Sequence[str]) -> Bounds | None:
    """The three diagnostics that a metric with known bounds gives, where every value has them."""
    found: dict[Literal["reached", "worst", "best"], dict[str, ScoreArray]] = {}
    for name in ("reached", "worst", "best"):
        found[name] = {entry.label: entry.scores(digest, texts, operators, diagnostic=name) for entry in entries}
        if not entries or not all(np.isfinite(array.values).all() for array in found[name].values()):
            return None
    return found
