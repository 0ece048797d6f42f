"""How far apart are explanations of one text by networks of two strategies, and farther than reseeding takes them?

The distance of two distributions of shares over words is the Jensen–Shannon distance: the root of the divergence (Lin,
IEEE Transactions on Information Theory, 1991) in bits, 0 where they are equal and 1 where they have no word in common.
It is a metric (Endres & Schindelin, IEEE Transactions on Information Theory, 2003). The excess, the mean distance
between networks of two strategies minus that within them, is half their energy distance (Székely & Rizzo, Journal of
Statistical Planning and Inference, 2013); that it is tested by permuting labels follows Anderson (Austral Ecology,
2001).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from attrimark.statistics.holm import holm
from attrimark.statistics.intervals import FEWEST_SEEDS
from attrimark.statistics.item_tests import sign_flip
from attrimark.statistics.network_permutation import labelled, least
from attrimark.statistics.relabelings import relabelings

Shares = Float[np.ndarray, "networks features"]


@dataclass(frozen=True)
class Excess:
    """How much farther apart networks of two levels are than two networks of one of them.

    Attributes:
        mean: over texts, the mean distance between minus the mean of both distances within.
        p_networks, holm_networks: of the permutation of labels over networks; None where they are too few for a claim.
        p_texts, holm_texts: of the signs of texts flipped: these checkpoints only.
    """

    first: str
    second: str
    mean: float
    p_networks: float | None
    holm_networks: float | None
    p_texts: float
    holm_texts: float


@dataclass(frozen=True)
class Distances:
    """Distances between levels.

    Attributes:
        table: the mean distance between networks of two levels, and on the diagonal of two networks of one level; NaN
            where there are not two. Where seeds are paired, only networks of different seeds count.
        same_seed: the mean distance of the same seed's networks, where seeds are paired: what the level alone changes.
        least: the smallest p over networks, by Holm, that so few can have; None where they are too few for a claim.
    """

    levels: tuple[str, ...]
    texts: int
    table: tuple[tuple[float, ...], ...]
    same_seed: tuple[tuple[float, ...], ...] | None
    least: float | None
    excesses: tuple[Excess, ...]


def jensen_shannon(shares: Shares) -> Float[np.ndarray, "networks networks"]:
    """The distance between the distributions of each two rows, from 0 to 1."""
    one, other = shares[:, None, :], shares[None, :, :]
    middle = (one + other) / 2
    # p log2(p / m) is 0 where p is: then m may be, too
    ratio = np.divide(one, middle, out=np.ones_like(middle), where=one > 0)
    halves = (one * np.log2(ratio)).sum(axis=-1)
    return np.sqrt(np.clip((halves + halves.T) / 2, 0.0, 1.0))


def compare_distances(
    distances: Float[np.ndarray, "texts networks networks"], sizes: Mapping[str, int], paired: bool = False
) -> Distances:
    """The table of distances, and what is beyond reseeding for each two levels of two networks or more.

    Tests are one-sided: networks of two levels may be farther apart than those of one.

    Args:
        distances: between each two networks, level by level.
        sizes: how many networks each level has; where seeds are paired, the same ones in the same order.
    """
    labels, seeds = labelled(tuple(sizes.values()), paired)
    one = np.eye(len(labels), dtype=bool)
    same = seeds[:, None] == seeds[None, :] if paired else one
    table = [[_mean(distances, labels == a, labels == b, ~same) for b in range(len(sizes))] for a in range(len(sizes))]
    same_seed = [
        [_mean(distances, labels == a, labels == b, same) for b in range(len(sizes))] for a in range(len(sizes))
    ]
    excesses, smallest = [], []
    for (a, first), (b, second) in combinations(enumerate(sizes), 2):
        if min(sizes[first], sizes[second]) < 2:
            continue
        mine = np.flatnonzero((labels == a) | (labels == b))
        inside = distances[:, mine[:, None], mine]
        which = (labels[mine] == b).astype(np.int64)
        counted = ~same[mine[:, None], mine]
        by_text = excess(inside, which[None], counted)[:, 0]
        p_networks = None
        if min(sizes[first], sizes[second]) >= FEWEST_SEEDS:
            ways = relabelings(which, seeds[mine])
            p_networks = ways.p(excess(inside.mean(axis=0)[None], ways.labels, counted)[0])
            smallest.append(least(ways))
        p_texts = sign_flip(by_text)
        excesses.append(Excess(first, second, float(by_text.mean()), p_networks, p_networks, p_texts, p_texts))
    return Distances(
        levels=tuple(sizes),
        texts=len(distances),
        table=tuple(map(tuple, table)),
        same_seed=tuple(map(tuple, same_seed)) if paired else None,
        least=min(1.0, min(smallest) * len(smallest)) if smallest else None,
        excesses=_together(excesses),
    )


def excess(
    distances: Float[np.ndarray, "texts networks networks"],
    labels: Int[np.ndarray, "ways networks"],
    counted: Bool[np.ndarray, "networks networks"],
) -> Float[np.ndarray, "texts ways"]:
    """The mean distance between two levels minus the mean of both distances within, for each labeling by 0 and 1.

    Args:
        counted: the pairs of networks that count.
    """
    zero, one = (labels == 0).astype(np.float64), (labels == 1).astype(np.float64)

    def mean(left: Float[np.ndarray, "ways networks"], right: Float[np.ndarray, "ways networks"]) -> np.ndarray:
        pairs = ((left @ counted) * right).sum(axis=1)
        return np.einsum("wi,tij,wj->tw", left, distances * counted, right, optimize=True) / pairs

    return mean(zero, one) - (mean(zero, zero) + mean(one, one)) / 2


def _mean(
    distances: Float[np.ndarray, "texts networks networks"],
    left: Bool[np.ndarray, " networks"],
    right: Bool[np.ndarray, " networks"],
    counted: Bool[np.ndarray, "networks networks"],
) -> float:
    pairs = left[:, None] & right[None, :] & counted
    return float(distances[:, pairs].mean()) if pairs.any() else float("nan")


def _together(excesses: Sequence[Excess]) -> tuple[Excess, ...]:
    """With Holm's correction: over networks among those that have a claim, over texts among all."""
    over_networks = iter(holm([each.p_networks for each in excesses if each.p_networks is not None]))
    over_texts = holm([each.p_texts for each in excesses])
    return tuple(
        replace(each, holm_networks=None if each.p_networks is None else next(over_networks), holm_texts=p)
        for each, p in zip(excesses, over_texts, strict=True)
    )
