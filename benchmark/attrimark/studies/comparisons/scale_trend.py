"""How a metric changes from smaller to larger models: per doubling of the number of parameters.

Two questions, two populations. Would networks of these same models, trained anew, show the trend? And would other
models of other sizes? Networks of one model share all that is particular to it, so they answer the first question only;
the second is answered by models, of which there are few.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from attrimark.statistics.intervals import FEWEST_SEEDS
from attrimark.statistics.network_permutation import interval
from attrimark.statistics.relabelings import relabelings


@dataclass(frozen=True)
class Trend:
    """A metric against log₂ of a size.

    Attributes:
        sizes, networks, means: of each model, by its name: its size, how many networks it has, their mean.
        slope: of the models' means, each model counting once: the change per doubling.
        over_networks: the interval for new networks of these models; None where a model has fewer than 5 networks.
        over_models: the interval for other models; None for fewer than three.
        spearman: rank correlation of networks' means with their models' sizes (American Journal of Psychology, 1904).
        p_networks: of networks changing places between models; None where a model has fewer than 5.
        p_models: of whole models changing places, by the rank correlation of their means.
        least_models: the smallest such p that so few models can have.
    """

    sizes: Mapping[str, float]
    networks: Mapping[str, int]
    means: Mapping[str, float]
    slope: float
    over_networks: tuple[float, float] | None
    over_models: tuple[float, float] | None
    spearman: float
    p_networks: float | None
    p_models: float
    least_models: float


def trend(sizes: Mapping[str, float], values: Mapping[str, Float[np.ndarray, " _"]], level: float = 0.95) -> Trend:
    """The trend of networks' means over models.

    Args:
        sizes: of each model, above 0.
        values: of each model's networks, over texts.

    Raises:
        ValueError: all models have the same size, or one has none.
    """
    if min(sizes.values()) <= 0 or len(set(sizes.values())) < 2:
        raise ValueError("a trend needs models of two sizes or more, each above 0")
    names = list(values)
    x = np.log2([sizes[name] for name in names])
    means = np.array([values[name].mean() for name in names])
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    slope = float(weights @ means)
    enough = min(map(len, values.values())) >= FEWEST_SEEDS
    over_networks = over_models = None
    if enough:
        variances = np.array([values[name].var(ddof=1) / len(values[name]) for name in names])
        freedoms = np.array([len(values[name]) - 1 for name in names])
        over_networks = interval(slope, weights**2 * variances, freedoms, level)[1:]
    if len(names) > 2:
        residuals = means - means.mean() - slope * (x - x.mean())
        variance = (residuals**2).sum() / (len(names) - 2) * (weights**2).sum()
        over_models = interval(slope, np.array([variance]), np.array([len(names) - 2]), level)[1:]
    counts = [len(values[name]) for name in names]
    spearman, p_networks = _ranks(np.repeat(x, counts), np.concatenate([values[name] for name in names]))
    _, p_models = _ranks(x, means)
    return Trend(
        sizes={name: sizes[name] for name in names},
        networks=dict(zip(names, counts, strict=True)),
        means=dict(zip(names, means.tolist(), strict=True)),
        slope=slope,
        over_networks=over_networks,
        over_models=over_models,
        spearman=spearman,
        p_networks=p_networks if enough else None,
        p_models=p_models,
        least_models=_ranks(x, x)[1],
    )


def _ranks(x: Float[np.ndarray, " points"], y: Float[np.ndarray, " points"]) -> tuple[float, float]:
    """Spearman's ρ, 0 where either does not vary; and the two-sided p of its permutation."""
    one, other = (rankdata(each) - (len(each) + 1) / 2 for each in (x, y))
    scale = float(((one**2).sum() * (other**2).sum()) ** 0.5)
    _, places = np.unique(x, return_inverse=True)
    ways = relabelings(places.astype(np.int64))
    by_place = np.array([one[places == place][0] for place in range(places.max() + 1)])
    products = by_place[ways.labels] @ other
    rho = float(products[0]) / scale if scale > 0 else 0.0
    return rho, ways.p(np.abs(products))
