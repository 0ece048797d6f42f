"""Other ways in which networks could have got their labels: what a permutation test compares with.

Fisher, *The Design of Experiments*, 1935; that a drawn sample of them must count the observed one is shown by Phipson &
Smyth, Statistical Applications in Genetics and Molecular Biology, 2010.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import factorial, prod

import numpy as np
from jaxtyping import Float, Int

MOST = 10_000  # as many are counted one by one; of more, as many are drawn


@dataclass(frozen=True, eq=False)
class Relabelings:
    """Labels of the networks, the observed ones first.

    Attributes:
        exact: whether these are all there are; otherwise the others are drawn.
    """

    labels: Int[np.ndarray, "ways networks"]
    exact: bool

    def p(self, statistics: Float[np.ndarray, " ways"]) -> float:
        """The share of labelings, the observed one among them, with a statistic at least as large as the observed."""
        observed = statistics[0]
        # the same groups summed in another order are as large only up to rounding
        rounding = 1e-9 * abs(observed) if np.isfinite(observed) else 0.0
        return float((statistics >= observed - rounding).mean())


def relabelings(
    labels: Int[np.ndarray, " networks"], blocks: Int[np.ndarray, " networks"] | None = None
) -> Relabelings:
    """The labels as they are, then all other ways to hand them out if there are at most 10,000, else as many drawn.

    They are drawn from a fixed generator, so that a table prints the same p twice.

    Args:
        blocks: labels change places within a block only (the seed, where each seed has every label).
    """
    whole = np.zeros_like(labels) if blocks is None else blocks
    groups = [np.flatnonzero(whole == each) for each in np.unique(whole)]
    exact = prod(_ways(labels[group].tolist()) for group in groups) <= MOST
    if exact:
        parts = product(*(_arranged(tuple(sorted(labels[group].tolist()))) for group in groups))
        made = np.array([np.concatenate(part) for part in parts], dtype=np.int64)[:, np.argsort(np.concatenate(groups))]
        others = made[(made != labels).any(axis=1)]
    else:
        rng = np.random.default_rng(0)
        others = np.repeat(labels[None], MOST, axis=0)
        for group in groups:
            others[:, group] = rng.permuted(others[:, group], axis=1)
    return Relabelings(np.concatenate([labels[None], others]), exact)


def _ways(labels: Sequence[int]) -> int:
    return factorial(len(labels)) // prod(factorial(count) for count in Counter(labels).values())


@lru_cache(maxsize=1024)  # the metrics of a table share their design
def _arranged(labels: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """All arrangements of labels in ascending order, of which some may be the same, each once."""
    firsts = [place for place, label in enumerate(labels) if not place or label != labels[place - 1]]
    return tuple(
        (labels[place], *rest) for place in firsts for rest in _arranged(labels[:place] + labels[place + 1 :])
    ) or ((),)
