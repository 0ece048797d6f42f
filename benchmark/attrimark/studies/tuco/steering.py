"""Accuracy as fine-tuning's contributions are scaled by α, and whether an α chosen on other texts gains any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attrimark.results.results import Results
from attrimark.statistics.bootstrap import resamples
from attrimark.statistics.intervals import Estimate
from attrimark.statistics.roc import estimate
from attrimark.suite.matrix import Cell, named
from attrimark.suite.names import cell_name

from .detection import measured

FOLDS = 5
STEP = "scaled"  # the strategy that scales, and its option
OPTION = "alpha"


@dataclass(frozen=True)
class Steering:
    """Accuracy by α of one network.

    Attributes:
        accuracies: at each α, over the texts.
        best: the α chosen on all texts but a fold's, one for each fold.
        gain: the accuracy with α chosen on other texts, minus that at α = 1; None where α = 1 was not run.
        fall: the most that accuracy falls from one α to the next between 0 and 1: 0 where it is monotone; NaN with
            fewer than three values there.
    """

    variant: str
    alphas: tuple[float, ...]
    accuracies: tuple[Estimate, ...]
    best: tuple[float, ...]
    gain: Estimate | None
    fall: float


def steerings(results: Results) -> list[Steering]:
    """The curves of a suite: variants that differ in the α of their last step only."""
    groups: dict[str, list[Cell]] = {}
    for cell in results.cells:
        chain = cell.variant.chain
        if cell.method is None and chain and chain[-1].name == STEP:
            parts = (cell.variant.dataset, cell.variant.model, named(chain[:-1]), f"seed {cell.variant.seed}")
            groups.setdefault(cell_name(*parts), []).append(cell)
    made = [_of_network(variant, cells, results) for variant, cells in groups.items()]
    return [each for each in made if each]


def cross_validated(
    alphas: Float[np.ndarray, " alphas"], correct: Float[np.ndarray, "alphas texts"], folds: int = FOLDS
) -> tuple[Float[np.ndarray, " texts"], tuple[float, ...]]:
    """Whether each text is right under the α that is best on the other folds, and those α.

    Of several that are equally good, the one nearest to 1 is taken. Text i is of fold i modulo the number of folds.
    """
    of_fold = np.arange(correct.shape[1]) % folds
    right, chosen = np.empty(correct.shape[1]), []
    for fold in range(min(folds, correct.shape[1])):
        others = correct[:, of_fold != fold]
        means = others.mean(1) if others.shape[1] else np.zeros(len(alphas))
        best = min(range(len(alphas)), key=lambda place: (-means[place], abs(alphas[place] - 1), alphas[place]))
        right[of_fold == fold] = correct[best, of_fold == fold]
        chosen.append(float(alphas[best]))
    return right, tuple(chosen)


def largest_fall(alphas: Float[np.ndarray, " alphas"], accuracies: Float[np.ndarray, " alphas"]) -> float:
    """The most that accuracy falls from one α to the next between 0 and 1; NaN with fewer than three values there."""
    between = (alphas >= 0) & (alphas <= 1)
    if between.sum() < 3:
        return float("nan")
    rise = np.diff(accuracies[between][np.argsort(alphas[between])])
    return float(np.maximum(-rise, 0).max())


def _of_network(variant: str, cells: Sequence[Cell], results: Results) -> Steering | None:
    ok = [(cell, record) for cell in cells if (record := results.ok(cell))]
    by_alpha = {}
    for cell, record in ok:
        right = measured(cell, record).get("accuracy")
        if right:
            by_alpha[float(cell.variant.chain[-1].model_dump()[OPTION])] = right
    texts = sorted(set.intersection(*(set(right) for right in by_alpha.values()))) if by_alpha else []
    if not texts:
        return None
    alphas = np.array(sorted(by_alpha))
    correct = np.array([[by_alpha[alpha][text] for text in texts] for alpha in alphas])
    right, best = cross_validated(alphas, correct)
    (weights,) = resamples(np.random.default_rng(0), 1000, len(texts))
    means = (weights @ correct.T) / weights.sum(1, keepdims=True)
    whole = np.flatnonzero(alphas == 1)
    gain = (weights @ (right - correct[whole[0]])) / weights.sum(1) if len(whole) else None
    return Steering(
        variant=variant,
        alphas=tuple(alphas.tolist()),
        accuracies=tuple(estimate(column, (len(texts),)) for column in means.T),
        best=best,
        gain=None if gain is None else estimate(gain, (len(texts),)),
        fall=largest_fall(alphas, correct.mean(1)),
    )
