"""Ways of doing the same work, timed in turns: on a machine that drifts only ratios within one round mean something."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """One way's times.

    Attributes:
        seconds, processor: medians over rounds, by the clock on the wall and by what the cores worked.
        ratio, processor_ratio: to the first way's, medians over rounds.
    """

    seconds: float
    processor: float
    ratio: float
    processor_ratio: float


def timed_in_turns(
    ways: Mapping[str, Callable[[], object]], rounds: int, wait: Callable[[], None] = lambda: None
) -> dict[str, Timing]:
    """Every way once a round, each round beginning with another one.

    Args:
        wait: called before a clock is read, until the work is done.
    """
    names = list(ways)
    wall: dict[str, list[float]] = {name: [] for name in names}
    processor: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            wait()
            started = time.perf_counter(), time.process_time()
            ways[name]()
            wait()
            wall[name].append(time.perf_counter() - started[0])
            processor[name].append(time.process_time() - started[1])
    return {
        name: Timing(
            statistics.median(wall[name]),
            statistics.median(processor[name]),
            _ratio(wall[name], wall[names[0]]),
            _ratio(processor[name], processor[names[0]]),
        )
        for name in names
    }


def _ratio(mine: list[float], first: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(mine, first, strict=True))
