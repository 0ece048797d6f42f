"""Do strategies differ, where the unit is the network: permutations of labels, and intervals of differences.

Texts explained by one network are no independent witnesses of how it was trained; a network counts once, with its mean
over texts. Networks of different strategies are different networks, even where they drew from the same seed: labels are
handed out anew over all of them. Quantizers store one network in several ways: labels change places within a seed. What
is found speaks for new networks, on these texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit

from .holm import holm
from .intervals import FEWEST_SEEDS
from .relabelings import Relabelings, relabelings

Means = Mapping[str, Float[np.ndarray, " _"]]


@dataclass(frozen=True)
class Contrast:
    """One level minus another, over networks.

    Attributes:
        low, high: Welch's interval (Biometrika, 1947), or Student's of the differences where seeds are paired; this
            one alone, whatever the others.
        effect: Hedges' g (Journal of Educational Statistics, 1981), by the pooled deviation of networks, or by that of
            the differences where seeds are paired.
        p: of the permutation test; `holm` is judged together with the other contrasts of the metric.
    """

    first: str
    second: str
    mean: float
    low: float
    high: float
    effect: float
    p: float
    holm: float


@dataclass(frozen=True)
class NetworkTest:
    """Levels of a factor compared over their networks.

    Attributes:
        networks: how many each level has; those that have too few are not compared.
        share: of the variance between networks (within seeds, where these are paired) that lies between levels.
        p: of the permutation test that all levels are alike; None where there are two, which the contrast compares.
        exact: whether all relabelings were counted.
        least: the smallest p by Holm that so few networks can have.
    """

    networks: Mapping[str, int]
    share: float
    p: float | None
    exact: bool
    least: float
    contrasts: tuple[Contrast, ...]


def compare_networks(means: Means, paired: bool = False, level: float = 0.95) -> NetworkTest:
    """Permutation tests of all levels, and of each two of them.

    All together: by the sum of squares between levels (the order of Fisher's F). Each two: by |t| with each level's own
    variance, which keeps its level also where variances differ, as the number of networks grows (Chung & Romano, Annals
    of Statistics, 2013); where seeds are paired by the mean difference, whose signs are flipped.

    Args:
        means: of each level's networks, over texts; in the order of their seeds where these are paired.

    Raises:
        ValueError: fewer than two levels have 5 networks.
    """
    networks = {name: len(each) for name, each in means.items()}
    known = {name: each for name, each in means.items() if len(each) >= FEWEST_SEEDS}
    if len(known) < 2:
        counts = ", ".join(f"{name} has {count}" for name, count in networks.items())
        raise ValueError(f"a claim needs {FEWEST_SEEDS} networks (seeds) of each side, and {counts}")
    pairs = list(combinations(known, 2))
    made = [_contrast({name: known[name] for name in pair}, paired, level) for pair in pairs]
    together = holm([contrast.p for contrast, _ in made])
    contrasts = [replace(contrast, holm=p) for (contrast, _), p in zip(made, together, strict=True)]
    labels, blocks = labelled([len(each) for each in known.values()], paired)
    values = np.concatenate(list(known.values()))
    centred = values - of_block(values, blocks)
    among = relabelings(labels, blocks)
    between, total = between_levels(centred, among.labels), float((centred**2).sum())
    return NetworkTest(
        networks=networks,
        share=float(between[0]) / total if total > 0 else 0.0,
        p=among.p(between) if len(known) > 2 else None,
        exact=all(each.exact for each in (among, *(ways for _, ways in made))),
        least=min(1.0, min(least(ways) for _, ways in made) * len(made)),
        contrasts=tuple(contrasts),
    )


def labelled(
    sizes: Sequence[int], paired: bool = False
) -> tuple[Int[np.ndarray, " networks"], Int[np.ndarray, " networks"]]:
    """A label for each network of levels of these sizes, and its block (its place in its level if seeds are paired)."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    places = np.concatenate([np.arange(size) for size in sizes])
    return labels, places if paired else np.zeros_like(places)


def between_levels(
    centred: Float[np.ndarray, " networks"], labels: Int[np.ndarray, "ways networks"]
) -> Float[np.ndarray, " ways"]:
    """The sum of squares between levels: Σ (sum of a level)² / (its number of networks)."""
    members = [labels == level for level in np.unique(labels)]
    return np.sum([(mine @ centred) ** 2 / mine.sum(axis=1) for mine in members], axis=0)


def least(ways: Relabelings) -> float:
    """The smallest p that a test of two levels can have, whose statistic cannot tell which of them is which."""
    first = ways.labels[0]
    mirrored = (first == first[0]).sum() * 2 == len(first)
    return (1 + (mirrored and ways.exact)) / len(ways.labels)


def welch(
    first: Float[np.ndarray, " one"], second: Float[np.ndarray, " other"], level: float
) -> tuple[float, float, float]:
    """The difference of two means and its interval, each side with its own variance (df by Satterthwaite)."""
    parts = np.array([first.var(ddof=1) / len(first), second.var(ddof=1) / len(second)])
    freedoms = np.array([len(first) - 1, len(second) - 1])
    return interval(float(first.mean() - second.mean()), parts, freedoms, level)


def interval(
    mean: float, variances: Float[np.ndarray, " parts"], freedoms: Int[np.ndarray, " parts"], level: float
) -> tuple[float, float, float]:
    """A sum of independent parts and its t interval, df by Satterthwaite (Biometrics Bulletin, 1946)."""
    variance = float(variances.sum())
    if variance == 0:
        return mean, mean, mean
    freedom = variance**2 / float((variances**2 / freedoms).sum())
    half = float(stdtrit(freedom, (1 + level) / 2)) * variance**0.5
    return mean, mean - half, mean + half


def _contrast(means: Means, paired: bool, level: float) -> tuple[Contrast, Relabelings]:
    (first, one), (second, other) = means.items()
    labels, blocks = labelled((len(one), len(other)), paired)
    ways = relabelings(labels, blocks)
    values = np.concatenate([one, other])
    if paired:
        apart = one - other
        mean, low, high = interval(
            float(apart.mean()), np.array([apart.var(ddof=1) / len(apart)]), np.array([len(apart) - 1]), level
        )
        deviation, freedom = float(apart.std(ddof=1)), len(apart) - 1
        statistics = np.abs((1 - 2 * ways.labels[:, : len(one)]) @ apart)
    else:
        mean, low, high = welch(one, other, level)
        freedom = len(values) - 2
        deviation = float(((one.var() * len(one) + other.var() * len(other)) / freedom) ** 0.5)
        statistics = _t(values - values.mean(), ways.labels)
    rounding = 1e-12 * float(np.abs(values).max())
    correction = 1 - 3 / (4 * freedom - 1)
    if deviation > rounding:
        effect = correction * mean / deviation
    else:
        effect = float(np.copysign(np.inf, mean)) if abs(mean) > rounding else 0.0
    p = ways.p(statistics)
    return Contrast(first, second, mean, low, high, effect, p, p), ways


def _t(centred: Float[np.ndarray, " networks"], labels: Int[np.ndarray, "ways networks"]) -> Float[np.ndarray, " ways"]:
    """|t| of two levels with their own variances; infinite where neither has any."""
    means, variances = [], []
    for level in (0, 1):
        mine = labels == level
        count = mine.sum(axis=1)
        means.append((mine @ centred) / count)
        squares = (mine @ centred**2) - count * means[-1] ** 2
        variances.append(squares / (count - 1) / count)
    apart, variance = np.abs(means[0] - means[1]), np.sum(variances, axis=0)
    scale = float((centred**2).sum())
    variance[variance < 1e-12 * scale] = 0  # what is left of equal numbers once they are centred
    apart[apart**2 < 1e-24 * scale] = 0
    return np.divide(apart, variance**0.5, out=np.where(apart > 0, np.inf, 0.0), where=variance > 0)


def of_block(
    values: Float[np.ndarray, " networks"], blocks: Int[np.ndarray, " networks"]
) -> Float[np.ndarray, " networks"]:
    """The mean of each network's block."""
    return (np.bincount(blocks, values) / np.bincount(blocks))[blocks]
