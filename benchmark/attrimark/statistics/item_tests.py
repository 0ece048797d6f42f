"""Do these very networks differ from text to text? Tests over texts, which say nothing of networks trained anew.

This is how papers test most often: a text is a witness, and a thousand texts make anything significant that separates
the few networks at hand, their seeds' luck among it. Hence the label that goes with every such p.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

from .holm import holm
from .intervals import ROUNDING
from .ties import tied

THESE_ONLY = "these checkpoints only"
FLIPS = 10_000


@dataclass(frozen=True)
class ItemContrast:
    """One level minus another, over texts.

    Attributes:
        median: of the differences.
        rank_biserial: the matched-pairs rank-biserial correlation: how much more of the ranks of |differences| is
            positive than negative, from −1 to 1 (Kerby, Comprehensive Psychology, 2014).
        p: of Wilcoxon's signed-rank test (Biometrics Bulletin, 1945), without the texts that do not differ.
    """

    first: str
    second: str
    median: float
    rank_biserial: float
    p: float
    holm: float


@dataclass(frozen=True)
class ItemTests:
    """Levels compared over texts.

    Attributes:
        friedman: Friedman's χ² (Journal of the American Statistical Association, 1937), `p` with it, and Kendall's W,
            the agreement of texts about the order of levels from 0 to 1; None for two levels.
    """

    texts: int
    friedman: float | None
    p: float | None
    kendall_w: float | None
    contrasts: tuple[ItemContrast, ...]


def compare_items(values: Mapping[str, Float[np.ndarray, " texts"]]) -> ItemTests:
    """Friedman's test of all levels, then Wilcoxon's of each two, with Holm's correction.

    Ranks see the smallest difference there is, so values that differ by rounding alone are tied first.

    Args:
        values: of each level on the same texts, the mean over its networks.
    """
    table = np.stack(list(values.values()))
    table = tied(table, ROUNDING * float(np.abs(table).max(initial=0.0)))
    levels, texts = table.shape
    friedman = p = agreement = None
    if levels > 2:
        if (table == table[0]).all():
            friedman, p = 0.0, 1.0  # all tied, which divides by 0
        else:
            friedman, p = map(float, friedmanchisquare(*table))
        agreement = friedman / (texts * (levels - 1))
    by_level = dict(zip(values, table, strict=True))
    contrasts = [_contrast(first, second, by_level) for first, second in combinations(values, 2)]
    together = holm([each.p for each in contrasts])
    return ItemTests(
        texts, friedman, p, agreement, tuple(replace(each, holm=q) for each, q in zip(contrasts, together, strict=True))
    )


def rank_biserial(differences: Float[np.ndarray, " texts"]) -> float:
    """(positive − negative) / all of the ranks of |differences|, without those that are 0; 0 where all are."""
    apart = differences[differences != 0]
    if not len(apart):
        return 0.0
    ranks = rankdata(np.abs(apart))
    return float((np.sign(apart) * ranks).sum() / ranks.sum())


def sign_flip(differences: Float[np.ndarray, " texts"]) -> float:
    """The one-sided p of a mean above 0: the share of ways to flip the signs whose mean is at least as large.

    10,000 ways from a fixed generator, the observed one beside them.
    """
    rng, observed = np.random.default_rng(0), float(differences.sum())
    signs = [1 - 2 * rng.integers(0, 2, (FLIPS // 10, len(differences)), dtype=np.int8) for _ in range(10)]
    sums = np.concatenate([each @ differences for each in signs])
    rounding = 1e-9 * float(np.abs(differences).sum())
    return (1 + int((sums >= observed - rounding).sum())) / (1 + FLIPS)


def _contrast(first: str, second: str, values: Mapping[str, Float[np.ndarray, " texts"]]) -> ItemContrast:
    apart = values[first] - values[second]
    rounding = ROUNDING * max(float(np.abs(values[each]).max(initial=0.0)) for each in (first, second))
    apart = np.sign(apart) * tied(np.abs(apart), rounding)
    p = float(wilcoxon(apart)[1]) if apart.any() else 1.0  # pyright: ignore[reportArgumentType]
    return ItemContrast(first, second, float(np.median(apart)), rank_biserial(apart), p, p)
