"""The same method by the same metric in two runs, paired on seeds, texts and removal operators."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from attrimark.statistics.ties import resolved

from .scores import NOTHING_FOREIGN, BySeedAndText, ScoreArray, foreign, over_families

_NOTHING = np.zeros((0, 0))


@dataclass(frozen=True, eq=False)
class Paired:
    """What a comparison of runs, and the gate of a build, are made of.

    Attributes:
        texts: those that both runs have.
        before, after: means over the families of operators that both runs have and neither method uses itself; NaN
            where one of the two has no score. Values that differ by no more than networks compute are the same.
        problem: why there is no pair, if so.
    """

    texts: tuple[str, ...] = ()
    before: BySeedAndText = field(default_factory=lambda: _NOTHING)
    after: BySeedAndText = field(default_factory=lambda: _NOTHING)
    problem: str | None = None

    @property
    def change(self) -> BySeedAndText:
        """The second run minus the first."""
        return self.after - self.before


def paired(before: ScoreArray, after: ScoreArray) -> Paired:
    """The scores of both, side by side.

    Raises:
        ValueError: they are of other seeds.
    """
    if before.seeds != after.seeds:
        raise ValueError(f"scores of the seeds {before.seeds} have no pairs among those of {after.seeds}")
    shared = set(after.texts)
    texts = tuple(text for text in before.texts if text in shared)
    operators = [each for each in before.operators if each in after.operators]
    away = [each for each, kept in zip(operators, foreign(operators, before.home, after.home), strict=True) if kept]
    problem = before.problem or after.problem or (None if away else NOTHING_FOREIGN)
    if problem:
        return Paired(texts, problem=problem)
    sides = {side: array.on(texts) for side, array in enumerate((before, after))}
    values = resolved({side: each.values[:, :, [*map(each.operators.index, away)]] for side, each in sides.items()})
    means = [over_families(values[side], away, np.ones(len(away), dtype=bool)) for side in (0, 1)]
    known = np.isfinite(means[0]) & np.isfinite(means[1])
    return Paired(texts, np.where(known, means[0], np.nan), np.where(known, means[1], np.nan))
