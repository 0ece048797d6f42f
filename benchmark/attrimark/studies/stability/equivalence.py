"""Which training seeds are equally accurate, so that their explanations may be compared.

The rule of Bogaert & Standaert, "Does a Reduced Fine-Tuning Surface Impact the Stability of the Explanations of
LLMs?", Eq. 1, keeps the most accurate seeds, as many as are not significantly worse than the best. Not being told apart
is no proof of being alike, the less so the fewer the texts; hence a second rule, `margin`: two one-sided tests
(Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics, 1987) that a seed is as accurate as the median seed, up
to a margin, on the same texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from attrimark_registry.plugin import Metric
from jaxtyping import Bool, Float, Int
from pydantic import ConfigDict, Field
from scipy.special import ndtr

Correct = Bool[np.ndarray, " texts"] | Int[np.ndarray, " texts"] | Float[np.ndarray, " texts"]


@dataclass(frozen=True)
class Equivalence:
    """When seeds count as equivalent.

    Attributes:
        most: how many to keep, the most accurate first; None keeps all that are equivalent.
        critical: the largest z between the best seed and the worst that is kept.
        two_sample: the usual variance of a difference of two proportions, 2p(1−p)/n, in place of the paper's p(1−p)/n.
        margin: the largest difference of accuracy that does not matter, between 0 and 1; where given, seeds are
            tested for equivalence with the median seed and `critical` and `two_sample` decide nothing.
        error: the probability that any seed outside the margin is kept.
        split: the texts on which accuracy is judged: the paper's are the test texts; choosing on them flatters.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")  # read from a suite

    most: Annotated[int, Field(ge=1)] | None = None
    critical: float = 1.96
    two_sample: bool = False
    margin: float | None = None
    error: float = 0.05
    split: Literal["validation", "test"] = "validation"

    def __post_init__(self):
        if self.margin is not None and not 0 < self.margin < 1:
            raise ValueError(f"a margin of accuracy lies between 0 and 1, not at {self.margin:g}")


@dataclass(frozen=True)
class Selection:
    """The equivalent seeds.

    Attributes:
        seeds: the most accurate first; of equally accurate ones the smaller number first.
        z: Eq. 1 between the first and the last of them; NaN where there is none.
        shortfall: why there are fewer than asked for, and what helps; None where there are as many.
    """

    seeds: tuple[int, ...]
    z: float
    shortfall: str | None = None


def judges(metric: Metric, split: str) -> bool:
    """Whether a metric says if the model is right on the texts of a split: what seeds are chosen by."""
    return metric.name == "accuracy" and getattr(metric, "split", None) == split


def z(a: float, b: float, texts: int, two_sample: bool = False) -> float:
    """|a − b| / √(p(1−p)/n), p the mean of both accuracies; 2/n for two samples.

    Where p is 0 or 1 there is no variance: then 0, as both accuracies are the same.
    """
    p = (a + b) / 2
    variance = p * (1 - p) * (2 if two_sample else 1) / texts
    if variance <= 0:
        return 0.0 if a == b else float("inf")
    return abs(a - b) / variance**0.5


def equivalent(correct: Mapping[int, Correct], rule: Equivalence) -> Selection:
    """The seeds that are equivalent by this rule.

    Args:
        correct: for each seed whether it is right on each validation text, the same texts for all; NaN where a
            text has no gold label. A seed with nothing but NaN, then a text with any, is left out.

    Raises:
        ValueError: for values other than 0, 1 and NaN, or seeds with different numbers of texts.
    """
    complete = _complete(correct)
    accuracies = {seed: float(row.mean()) for seed, row in complete.items() if row.size}
    texts = max((row.size for row in complete.values()), default=0)
    if rule.margin is None:
        return most_accurate(accuracies, texts, rule)
    ranking = _ranked(accuracies)
    alike = _shown_alike(complete, ranking, rule.margin, rule.error)
    found = f"of {_count(len(ranking))} {len(alike)} shown to be within {rule.margin:g} of the median seed's accuracy"
    return _selection(
        alike, accuracies, texts, rule, found, "more validation texts, a wider margin or more seeds would help"
    )


def most_accurate(accuracies: Mapping[int, float], texts: int, rule: Equivalence) -> Selection:
    """The paper's rule: the most accurate seeds, as many as have z(best, worst kept) ≤ critical.

    z grows as the worst accuracy falls, so there is one such number. Equally accurate seeds are all kept or all
    left out, unless `most` cuts between them.

    Args:
        accuracies: of each seed, on the same texts; NaN where there is none.
    """
    ranking = _ranked(accuracies)
    best = accuracies[ranking[0]] if ranking else np.nan
    alike = [seed for seed in ranking if z(best, accuracies[seed], texts, rule.two_sample) <= rule.critical]
    found = f"of {_count(len(ranking))} {len(alike)} not told apart from the best (z ≤ {rule.critical:g})"
    return _selection(alike, accuracies, texts, rule, found, "more seeds would help")


def _selection(
    alike: Sequence[int], accuracies: Mapping[int, float], texts: int, rule: Equivalence, found: str, remedy: str
) -> Selection:
    """The first of those alike, and why they are too few."""
    seeds = tuple(alike[: rule.most])
    if not seeds:
        return Selection((), np.nan, "no seed has an accuracy: validation texts with gold labels would help")
    asked = 2 if rule.most is None else rule.most  # one seed has no spread
    shortfall = f"{asked} equivalent seeds are needed, but {found}: {remedy}" if len(seeds) < asked else None
    return Selection(seeds, z(accuracies[seeds[0]], accuracies[seeds[-1]], texts, rule.two_sample), shortfall)


def _shown_alike(complete: Mapping[int, np.ndarray], ranking: Sequence[int], margin: float, error: float) -> list[int]:
    """The median seed and those shown to be within the margin of it, in the order of the ranking.

    Not the best seed as the measure: the best of many is so partly by luck on these texts, the more so the more
    seeds there are, and a margin measured from it shrinks by that luck. Two seeds that are kept differ by at most
    twice the margin. Holm's procedure (Scandinavian Journal of Statistics, 1979) keeps the probability that any
    seed is kept wrongly at `error`, whatever the number of seeds: the claim is about all of them together.
    """
    if not ranking:
        return []
    median = ranking[len(ranking) // 2]
    p = {seed: _p_value(complete[seed], complete[median], margin) for seed in ranking if seed != median}
    alike = {median}
    for place, seed in enumerate(sorted(p, key=lambda each: p[each])):
        if p[seed] > error / (len(p) - place):
            break
        alike.add(seed)
    return [seed for seed in ranking if seed in alike]


def _p_value(ours: np.ndarray, theirs: np.ndarray, margin: float) -> float:
    """The larger p-value of the two one-sided tests that accuracies on the same texts differ by the margin."""
    gained, lost = int((ours > theirs).sum()), int((ours < theirs).sum())
    return max(_one_sided(gained, lost, len(ours), margin), _one_sided(lost, gained, len(ours), margin))


def _one_sided(gained: int, lost: int, texts: int, margin: float) -> float:
    """The p-value of: our accuracy is lower than theirs by the margin or more.

    The score test for paired proportions (Tango, Statistics in Medicine, 1998). Its variance is the one that the
    texts have under the hypothesis, where at least a share `margin` of them is lost: so two seeds that agree on
    every text are alike only if the texts are many, which McNemar's observed variance, 0 then, cannot say.
    """
    # q, the most likely share of texts lost, solves 2n·q² − linear·q + lost·margin·(1 + margin) = 0
    linear = gained + lost + margin * (2 * texts + lost - gained)
    root = max(linear**2 - 8 * texts * lost * margin * (1 + margin), 0.0) ** 0.5
    q = (linear + root) / (4 * texts)
    variance = (2 * q - margin - margin**2) / texts
    return float(ndtr(-((gained - lost) / texts + margin) / variance**0.5))


def _complete(correct: Mapping[int, Correct]) -> dict[int, Float[np.ndarray, " judged"]]:
    """Seeds that were judged at all, on the texts on which all of those were."""
    judged = {seed: row.astype(np.float64) for seed, row in correct.items() if not np.isnan(row).all()}
    if not judged:
        return {}
    rows = np.stack(list(judged.values()))
    if not np.isin(rows[~np.isnan(rows)], (0, 1)).all():
        raise ValueError("a seed is right on a text (1), wrong (0) or not judged (NaN); nothing between")
    return dict(zip(judged, rows[:, ~np.isnan(rows).any(axis=0)], strict=True))


def _ranked(accuracies: Mapping[int, float]) -> list[int]:
    """Seeds with an accuracy, the most accurate first; of equally accurate ones the smaller number first."""
    known = [seed for seed, accuracy in accuracies.items() if not np.isnan(accuracy)]
    return sorted(known, key=lambda seed: (-accuracies[seed], seed))


def _count(seeds: int) -> str:
    return f"{seeds} seed" if seeds == 1 else f"{seeds} seeds"
