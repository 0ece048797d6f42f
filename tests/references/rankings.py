"""Ties the slow way: rank the features in every order that the scores allow, and average."""

from collections.abc import Callable, Iterator
from itertools import pairwise, permutations

import numpy as np


def average_over_orders(judge: Callable[[list[int]], float], scores: np.ndarray) -> float:
    """The mean of `judge(ranking)`, over all rankings (best feature first) that agree with the scores."""
    return float(np.mean([judge(ranking) for ranking in rankings(scores)]))


def rankings(scores: np.ndarray) -> Iterator[list[int]]:
    """All orders of the features, best first, in which no feature comes before one with a higher score."""
    for order in permutations(range(len(scores))):
        if all(scores[one] >= scores[other] for one, other in pairwise(order)):
            yield list(order)


def average_precision(ranking: list[int], marked: np.ndarray) -> float:
    """The precision at each marked feature's place, averaged."""
    places = [place for place, feature in enumerate(ranking, start=1) if marked[feature]]
    return float(np.mean([found / place for found, place in enumerate(places, start=1)]))
