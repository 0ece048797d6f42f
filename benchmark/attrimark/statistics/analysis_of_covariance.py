"""Do strategies differ at like confidence and length? Analysis of covariance over networks (Fisher, 1932).

How sure a network is belongs to the network, as its strategy does, so the slope on it is taken from network to network.
That of one network's texts answers something else (easy texts may be explained more sharply, and sure networks not),
and would carry every difference in confidence over into focus.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from .holm import holm
from .intervals import FEWEST_SEEDS, ROUNDING
from .network_permutation import Means, labelled, of_block
from .relabelings import relabelings

APART = 0.75  # of the labels' variance: where covariates tell as much, hardly any networks of two levels are alike


@dataclass(frozen=True)
class AdjustedContrast:
    """One level minus another, were their networks' covariates alike; NaN where covariates tell which is which.

    Attributes:
        low, high: Student's interval of the label's coefficient; this one alone, whatever the others.
        told: how much of the variance of labels the covariates explain, from 0 to 1.
        p: of the permutation of residuals; `holm` is judged together with the other contrasts. None where `told` is
            0.75 or more: the difference is then that of lines drawn on, and no network shows that they are straight.
    """

    first: str
    second: str
    mean: float
    low: float
    high: float
    told: float
    p: float | None
    holm: float | None


@dataclass(frozen=True)
class AdjustedTest:
    """Levels compared at like covariates.

    Attributes:
        covariates: those that differ between networks.
        alike: those that are the same in every network, and adjust nothing.
    """

    covariates: tuple[str, ...]
    alike: tuple[str, ...]
    contrasts: tuple[AdjustedContrast, ...]


def compare_adjusted(
    means: Means, covariates: Mapping[str, Means], paired: bool = False, level: float = 0.95
) -> AdjustedTest:
    """Each two levels compared by the coefficient of their label beside the covariates', in a linear model of networks.

    p is that of Freedman & Lane (Journal of Business & Economic Statistics, 1983): what the covariates leave of the
    networks' means changes places between networks, and the partial correlation with the label is compared. It is not
    exact, since the slopes are estimated, but near it (Anderson & Legendre, Journal of Statistical Computation and
    Simulation, 1999): with 5 and 5 networks 4 to 6 of 100 pairs were told apart at 0.05 where nothing but confidence
    differed, whatever it did to the values. Only networks of the two levels give the slopes. Where seeds are paired all
    of it is within seeds, and fewer are told apart.

    Args:
        means: of each level's networks, over texts; in the order of their seeds where these are paired.
        covariates: by name, as `means` are.

    Raises:
        ValueError: no covariate differs between networks, or fewer than two levels have 5 networks.
    """
    known = {name: each for name, each in means.items() if len(each) >= FEWEST_SEEDS}
    if len(known) < 2:
        raise ValueError(f"fewer than two levels have {FEWEST_SEEDS} networks")
    vary = [name for name, each in covariates.items() if _varies(np.concatenate([each[level] for level in known]))]
    alike = tuple(name for name in covariates if name not in vary)
    if not vary:
        raise ValueError(f"networks do not differ in {', '.join(alike)}")
    made = []
    for first, second in combinations(known, 2):
        x = np.array([np.concatenate([covariates[name][first], covariates[name][second]]) for name in vary])
        made.append(_contrast((first, second), known[first], known[second], x, paired, level))
    together = iter(holm([each.p for each in made if each.p is not None]))
    contrasts = tuple(each if each.p is None else replace(each, holm=next(together)) for each in made)
    return AdjustedTest(tuple(vary), alike, contrasts)


def _varies(values: Float[np.ndarray, " networks"]) -> bool:
    return bool(np.ptp(values) > 1e-9 * np.abs(values).max())


def _contrast(
    names: tuple[str, str],
    first: Float[np.ndarray, " one"],
    second: Float[np.ndarray, " other"],
    covariates: Float[np.ndarray, "covariates networks"],
    paired: bool,
    level: float,
) -> AdjustedContrast:
    labels, blocks = labelled((len(first), len(second)), paired)

    def centred(values: Float[np.ndarray, " networks"]) -> Float[np.ndarray, " networks"]:
        return values - of_block(values, blocks)

    values = np.concatenate([first, second])
    basis = _basis(np.array([centred(each) for each in covariates]), np.abs(covariates).max(axis=1))
    is_first = centred((labels == 0).astype(np.float64))
    label = _left(is_first, basis)
    told = 1 - float(label @ label) / float(is_first @ is_first)
    freedom = len(labels) - len(np.unique(blocks)) - len(basis) - 1
    if told > 1 - 1e-9 or freedom < 1:
        return AdjustedContrast(*names, np.nan, np.nan, np.nan, told, None, None)
    residuals = _left(centred(values), basis)
    residuals[np.abs(residuals) <= ROUNDING * np.abs(values).max()] = 0
    mean = float(label @ residuals / (label @ label))
    variance = (float(residuals @ residuals) - mean**2 * float(label @ label)) / freedom / float(label @ label)
    half = float(stdtrit(freedom, (1 + level) / 2)) * max(variance, 0.0) ** 0.5
    ends = (mean, mean - half, mean + half)
    if told >= APART:
        return AdjustedContrast(*names, *ends, told, None, None)
    # residuals change places within a seed where seeds are paired, so that their sums there stay 0
    ways = relabelings(np.arange(len(labels)), blocks)
    moved = residuals[ways.labels]
    sizes = np.linalg.norm(_left(moved, basis), axis=1)
    p = ways.p(np.divide(np.abs(moved @ label), sizes, out=np.zeros_like(sizes), where=sizes > 0))
    return AdjustedContrast(*names, *ends, told, p, p)


def _basis(
    centred: Float[np.ndarray, "covariates networks"], sizes: Float[np.ndarray, " covariates"]
) -> Float[np.ndarray, "rank networks"]:
    """Orthonormal directions that span the covariates, without those that hardly vary or repeat others."""
    spread = np.linalg.norm(centred, axis=1)
    vary = spread > 1e-9 * sizes
    _, lengths, directions = np.linalg.svd(centred[vary] / spread[vary, None], full_matrices=False)
    return directions[lengths > 1e-9]


def _left(
    values: Float[np.ndarray, "*ways networks"], basis: Float[np.ndarray, "rank networks"]
) -> Float[np.ndarray, "*ways networks"]:
    """What is left of values that sum to 0 when the directions of the basis are taken out."""
    return values - values @ basis.T @ basis
