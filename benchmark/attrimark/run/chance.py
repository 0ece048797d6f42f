"""The control: what a metric says of scores that have nothing to do with the network.

Its value is an expectation over orders of a method's own scores within a text, taken over several draws; every second
order is the reverse of the one before, so that what keeps the first words of one removes the last of the other, and the
network is asked once. Draws depend on the suite's seed and the text alone: all seeds and metrics share them, and those
of other texts are independent, so that the spread over texts holds their noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from attrimark_registry.attribution import Attribution, Measure
from jaxtyping import Int

from .randomness import generator_of

DRAWS = 8  # where the network is asked
MANY_DRAWS = 200  # where it is not
ORDERS = 199  # of the words, by which a method is compared with chance: p-values in steps of 1/200


def reordered(attributions: Sequence[Attribution], suite_seed: int, draws: int) -> list[Attribution]:
    """Each explanation in as many orders as asked for."""
    return [
        with_order(each, order)
        for each in attributions
        for order in orders(len(each.features), suite_seed, each.example.id, draws)
    ]


def orders(features: int, suite_seed: int, text: str, draws: int) -> Iterator[Int[np.ndarray, " features"]]:
    """Permutations in pairs: for a ranking, the reverse ranking."""
    rng = generator_of("chance", suite_seed, text)
    for _ in range(0, draws, 2):
        order = rng.permutation(features)
        yield order
        yield features - 1 - order


def permuted(attribution: Attribution, suite_seed: int, count: int) -> Iterator[Attribution]:
    """The scores given to the words in other orders, which are the same for all methods and networks."""
    rng = generator_of("words", suite_seed, attribution.example.id)
    for _ in range(count):
        order = rng.permutation(len(attribution.features))
        by_token = attribution.by_token
        yield replace(
            attribution,
            scores=attribution.scores[order],
            by_token=None if by_token is None else by_token[:, order],
            unpooled=None,
            feature_of=None,
        )


def with_order(attribution: Attribution, order: Int[np.ndarray, " features"]) -> Attribution:
    """The same scores, the smallest at the feature whose place in the order is 0."""
    ranked = np.sort(attribution.scores)
    by_token = attribution.by_token
    return replace(
        attribution,
        scores=ranked[order],
        by_token=None if by_token is None else np.sort(by_token, axis=1)[:, order],
        unpooled=None,
        feature_of=None,
    )


def expected(measures: Iterable[Measure]) -> list[Measure]:
    """One measure for each text and operator: the mean over its draws, None where a draw has no value."""
    groups: dict[tuple[str, str, str], list[Measure]] = {}
    for each in measures:
        groups.setdefault((each.metric, each.example, each.operator), []).append(each)
    return [_mean(group) for group in groups.values()]


def _mean(group: Sequence[Measure]) -> Measure:
    values = [each.value for each in group if each.value is not None]
    names = set.intersection(*(set(each.diagnostics) for each in group))
    diagnostics = {name: float(np.mean([each.diagnostics[name] for each in group])) for name in sorted(names)}
    value = float(np.mean(values)) if len(values) == len(group) else None
    return replace(group[0], value=value, diagnostics=diagnostics)
