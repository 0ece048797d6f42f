"""One metric over the methods that can be averaged, seed by seed, text by text and operator by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from attrimark_registry.removal import OPERATORS
from jaxtyping import Bool, Float

from attrimark.statistics.ties import resolved

from .entries import Entry

Values = Float[np.ndarray, "seeds texts"]
Grids = Mapping[str, Float[np.ndarray, "seeds texts operators"]]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The values of every method.

    Attributes:
        texts: those that have a value for every method.
        values: by the method's label.
        reasons: of the methods that have no score.
        control: the label of the random one.
        neutral: which operators no method used itself.
        bounds: what each explanation `reached`, by label, and the `worst` and the `best` possible; None unless the
            metric tells its bounds for every text.
    """

    operators: tuple[str, ...]
    texts: tuple[str, ...]
    values: Grids
    reasons: Mapping[str, str]
    control: str | None
    neutral: Bool[np.ndarray, " operators"]
    bounds: Mapping[Literal["reached", "worst", "best"], Grids] | None = None

    def away(self, entry: Entry) -> Bool[np.ndarray, " operators"]:
        """Which operators the method did not use itself."""
        return np.array([operator != entry.operator for operator in self.operators], dtype=bool)

    def over(self, label: str, operators: Bool[np.ndarray, " operators"]) -> Values:
        """A method's mean over some of the operators."""
        return self.values[label][:, :, operators].mean(axis=2)

    def neutrally(self) -> dict[str, Values]:
        """Each method's mean over the operators that no method used, as it is to be compared with the others'."""
        same = resolved(self.values)
        return {label: grid[:, :, self.neutral].mean(axis=2) for label, grid in same.items()}

    def differences(self, entries: Sequence[Entry]) -> dict[str, Values]:
        """Each method minus random, under the operators that the method did not use."""
        if self.control is None:
            return {}
        found = {}
        for each in entries:
            away = self.away(each)
            if each.label in self.values and each.label != self.control and away.any():
                # of the two alone: what else is in the table moves no difference
                same = resolved({label: self.values[label][:, :, away] for label in (each.label, self.control)})
                found[each.label] = (same[each.label] - same[self.control]).mean(axis=2)
        return found


def compared(entries: Sequence[Entry], digest: str, texts: Sequence[str]) -> Comparison:
    """One metric's values of all methods on the texts that have one everywhere."""
    operators = operators_of(entries, digest)
    values: dict[str, np.ndarray] = {}
    reasons: dict[str, str] = {}
    for entry in entries:
        grid = entry.values(digest, texts, operators)
        if reason := unscored(entry, digest, grid):
            reasons[entry.label] = reason
        else:
            values[entry.label] = grid
    kept: tuple[str, ...] = ()
    if values:
        complete = np.array(np.isfinite(np.stack(list(values.values()))).all(axis=(0, 1, 3)))
        kept = tuple(text for text, whole in zip(texts, complete, strict=True) if whole)
        values = {label: grid[:, complete] for label, grid in values.items()}
        if not kept:
            reasons |= dict.fromkeys(values, "no text has a value for every method")
            values = {}
    scored = [entry for entry in entries if entry.label in values]
    # random removes nothing, whatever operator its records name
    used = {entry.operator for entry in scored if not entry.is_control}
    return Comparison(
        operators=operators,
        texts=kept,
        values=values,
        reasons=reasons,
        control=next((each.label for each in scored if each.is_control), None),
        neutral=np.array([operator not in used for operator in operators], dtype=bool),
        bounds=_bounds(scored, digest, kept, operators),
    )


def operators_of(entries: Sequence[Entry], digest: str) -> tuple[str, ...]:
    """Those that the metric removed features with, in the order of all; "" where it removes nothing."""
    used = {each.operator for entry in entries for _, each in entry.measures.get(digest, ())}
    return tuple(operator for operator in ("", *OPERATORS) if operator in used)


def unscored(entry: Entry, digest: str, grid: Float[np.ndarray, "seeds texts operators"]) -> str | None:
    """Why a method has no score, if so."""
    for record in entry.records.values():
        status, reason = record.metric_status.get(digest, ("ok", None))
        if status != "ok":
            return f"{status}: {reason}"
    if grid.size == 0 or digest not in entry.measures:
        return "not measured"
    invalid = int(np.isinf(grid).any(axis=(0, 2)).sum())
    if invalid:
        return f"invalid: NaN or infinite on {invalid} of {grid.shape[1]} texts"
    if np.isnan(grid).all(axis=1).any():
        return "does not apply"
    return None


def _bounds(
    entries: Sequence[Entry], digest: str, texts: Sequence[str], operators: Sequence[str]
) -> Mapping[Literal["reached", "worst", "best"], Grids] | None:
    """The three diagnostics that a metric with known bounds tells, where every value has them."""
    found: dict[Literal["reached", "worst", "best"], Grids] = {}
    for name in ("reached", "worst", "best"):
        grids = {entry.label: entry.values(digest, texts, operators, told=name) for entry in entries}
        if not grids or not all(np.isfinite(grid).all() for grid in grids.values()):
            return None
        found[name] = grids
    return found
