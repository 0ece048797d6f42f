"""One metric over the methods that can be averaged, seed by seed, text by text and operator by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

import numpy as np
from attrimark_registry.removal import family_of
from jaxtyping import Bool, Float

from attrimark.results.entries import Entry
from attrimark.results.scores import BySeedAndText, ScoreArray, families_of, foreign, operators_of
from attrimark.statistics.least_squares_means import Weights, least_squares_means
from attrimark.statistics.pairs import Pairs
from attrimark.statistics.ties import difference

Bounds = Mapping[Literal["reached", "worst", "best"], Mapping[str, ScoreArray]]
NOT_LINKED = "shares no family of removal operators with the other methods"


@dataclass(frozen=True, eq=False)
class Comparison:
    """The scores of every method.

    Attributes:
        texts: those that have a value for every method.
        scores: by the method's label, all on the same seeds, texts and operators.
        reasons: of the methods that have no score.
        control: the label of the random one.
        bounds: what each explanation `reached`, by label, and the `worst` and the `best` possible; None unless the
            metric tells its bounds for every text.
    """

    operators: tuple[str, ...]
    texts: tuple[str, ...]
    scores: Mapping[str, ScoreArray]
    reasons: Mapping[str, str]
    control: str | None
    bounds: Bounds | None = None

    @property
    def values(self) -> Mapping[str, Float[np.ndarray, "seeds texts operators"]]:
        """By the method's label."""
        return {label: array.values for label, array in self.scores.items()}

    @cached_property
    def families(self) -> tuple[str, ...]:
        """Of the operators, each by its first."""
        return tuple(families_of(self.operators))

    @cached_property
    def foreign(self) -> Bool[np.ndarray, "methods families"]:
        """The families that each method uses no operator of."""
        used = [{family_of(operator) for operator in array.home} for array in self.scores.values()]
        return np.array([[family not in own for family in self.families] for own in used], dtype=bool).reshape(
            len(self.scores), len(self.families)
        )

    @cached_property
    def _weights(self) -> Weights:
        return least_squares_means(self.foreign, ~self.foreign)

    def adjusted(self, arrays: Mapping[str, ScoreArray]) -> dict[str, BySeedAndText]:
        """Least-squares means of each method over the families that are foreign to it; NaN where it has none."""
        cells = self._by_family(arrays)
        weighted = np.einsum("mnf,nstf->mst", np.nan_to_num(self._weights.means), cells)
        weighted[np.isnan(self._weights.means).any(axis=(1, 2))] = np.nan
        return dict(zip(arrays, weighted, strict=True))

    def home_advantage(self) -> BySeedAndText | None:
        """What methods score under the families that they use themselves, above what the others let expect."""
        if not self.scores or np.isnan(self._weights.surplus).any():
            return None
        return np.einsum("nf,nstf->st", self._weights.surplus, self._by_family(self.scores))

    def differences(self) -> dict[str, Float[np.ndarray, "seeds texts families"]]:
        """Each method minus random, under the families that neither of them uses."""
        if self.control is None:
            return {}
        control = self.scores[self.control]
        found = {
            label: self._difference(array, control) for label, array in self.scores.items() if label != self.control
        }
        return {label: each for label, each in found.items() if each.shape[2]}

    @cached_property
    def orders(self) -> dict[str, tuple[float, Float[np.ndarray, " orders"]]]:
        """Each method's mean, and its means with the words in other orders; none where any method lacks those."""
        methods = {label: array for label, array in self.scores.items() if label != self.control}
        found = {
            label: (float(array.values.mean()), array.permuted.mean(axis=(0, 1)))
            for label, array in methods.items()
            if array.permuted is not None and np.isfinite(array.permuted).all()
        }
        return found if len(found) == len(methods) and self.control is not None else {}

    def pairs(self, higher_is_better: bool) -> Pairs:
        """Every two methods, random among them, on the families that are foreign to both."""
        sign = 1 if higher_is_better else -1
        labels, count = tuple(self.scores), len(self.scores)
        leads = np.zeros((count, count, *self._shape))
        comparable, ahead = np.zeros((2, count, count), dtype=bool)
        parts: dict[tuple[str, frozenset[str]], BySeedAndText] = {}
        weights: dict[tuple[int, int], tuple[int, int]] = {}
        for first, second in combinations(range(count), 2):
            one, other = self.scores[labels[first]], self.scores[labels[second]]
            found = sign * self._difference(one, other)
            if not found.shape[2]:
                continue
            comparable[first, second] = comparable[second, first] = True
            leads[first, second] = found.mean(axis=2)
            leads[second, first] = -leads[first, second]
            means = found.mean(axis=(0, 1))
            ahead[first, second], ahead[second, first] = _all_one_way(means), _all_one_way(-means)
            both = foreign(self.operators, one.home, other.home)
            shared = frozenset(np.array(self.operators)[both].tolist())
            keys = (labels[first], shared), (labels[second], shared)
            for key, array in zip(keys, (one, other), strict=True):
                if key not in parts:
                    parts[key] = sign * array.over(both)
            places = list(parts)
            weights[first, second] = places.index(keys[0]), places.index(keys[1])
        made = np.zeros((count, count, len(parts)))
        for (first, second), (plus, minus) in weights.items():
            made[first, second, [plus, minus]] = 1.0, -1.0
            made[second, first, [plus, minus]] = -1.0, 1.0
        stacked = np.stack(list(parts.values())) if parts else np.zeros((0, *self._shape))
        return Pairs(labels, leads, comparable, ahead, stacked, made)

    @property
    def _shape(self) -> tuple[int, int]:
        return next((array.values.shape[:2] for array in self.scores.values()), (0, 0))

    def _by_family(self, arrays: Mapping[str, ScoreArray]) -> Float[np.ndarray, "methods seeds texts families"]:
        groups = families_of(self.operators).values()
        places = [[*map(self.operators.index, group)] for group in groups]
        return np.stack([np.stack([a.values[:, :, each].mean(axis=2) for each in places], -1) for a in arrays.values()])

    def _difference(self, one: ScoreArray, other: ScoreArray) -> Float[np.ndarray, "seeds texts families"]:
        """Of the two alone, by family: what else is in the table moves no difference."""
        both = foreign(self.operators, one.home, other.home)
        operators = [operator for operator, kept in zip(self.operators, both, strict=True) if kept]
        minus = difference(one.values[:, :, both], other.values[:, :, both])
        groups = families_of(operators).values()
        means = [minus[:, :, [*map(operators.index, group)]].mean(axis=2) for group in groups]
        return np.stack(means, axis=-1) if means else np.zeros((*minus.shape[:2], 0))


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
        bounds=_bounds(ranked, digest, kept, operators),
    )


def _all_one_way(means: Float[np.ndarray, " families"]) -> bool:
    """Whether none of them is negative, and some is positive."""
    return bool((means >= 0).all() and (means > 0).any())


def _bounds(entries: Sequence[Entry], digest: str, texts: Sequence[str], operators: Sequence[str]) -> Bounds | None:
    """The three diagnostics that a metric with known bounds gives, where every value has them."""
    found: dict[Literal["reached", "worst", "best"], dict[str, ScoreArray]] = {}
    for name in ("reached", "worst", "best"):
        found[name] = {entry.label: entry.scores(digest, texts, operators, diagnostic=name) for entry in entries}
        if not entries or not all(np.isfinite(array.values).all() for array in found[name].values()):
            return None
    return found
