"""What a suite's comparisons can see: the smallest change of each primary metric, and the texts that a change needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attrimark.suite.matrix import Cell

from .quality_change import FEWEST_TEXTS, POWER, detectable, texts_needed
from .recorded import Recorded, group_of
from .score_array import score_array

ASSUMED = 0.2  # standard deviation over texts, where no value of a metric is known


@dataclass(frozen=True)
class Needed:
    """The texts that a comparison needs to see a drop of one metric.

    Attributes:
        texts: None where so small a drop does not count, however many there are.
        spread: the standard deviation over texts, of the cells where it is largest.
        source: where the spread is known from; None where it is assumed.
        tests: how many comparisons gate together.
    """

    metric: str
    texts: int | None
    spread: float
    source: str | None
    tests: int


def power_of(recorded: Recorded) -> Iterator[str]:
    """For each primary metric, a line: the change that would be seen in every cell.

    As if the differences varied over texts as the values themselves do, which is more than they mostly do.
    """
    tables = {metric: _tables(recorded, metric) for metric in recorded.primary}
    tests = sum(map(len, tables.values()))
    for metric, of_metric in tables.items():
        rooms = [room for table in of_metric if not np.isnan(room := detectable(table, tests))]
        texts = min((int(np.isfinite(table).all(axis=0).sum()) for table in of_metric), default=0)
        if texts < FEWEST_TEXTS:
            yield f"{metric}: {texts} texts: a changed value is never called worse with fewer than {FEWEST_TEXTS}."
        elif rooms:
            yield (
                f"{metric}: a change of {max(rooms):.2g} would be seen with {POWER:.0%} probability "
                f"({texts} texts, {tests} comparisons)."
            )
        else:
            yield f"{metric}: its {texts} values are alike, which does not tell how much differences would vary."


def needed(
    drop: float,
    primary: Sequence[str],
    cells: Sequence[Cell],
    names: Mapping[str, str],
    known: Mapping[str, Recorded],
) -> list[Needed]:
    """For each primary metric, the texts that show a drop of that size in any one cell.

    On the same weights, so that only texts vary; as if differences varied as the values themselves do.

    Args:
        names: of the cells.
        known: values of this suite, by where they are from; the first that has a metric counts.
    """
    comparisons = {
        (group_of(names[cell.id]), metric.written)
        for cell in cells
        for digest, metric in cell.judgements.items()
        if metric.written in primary and not cell.problem and digest not in cell.refusals
    }
    found = []
    for metric in primary:
        measured = ((source, _spread(recorded, metric)) for source, recorded in known.items())
        source, spread = next((each for each in measured if not np.isnan(each[1])), (None, ASSUMED))
        texts = texts_needed(drop, spread, len(comparisons))
        found.append(Needed(metric, texts, spread, source, len(comparisons)))
    return found


def _spread(recorded: Recorded, metric: str) -> float:
    """The largest standard deviation over texts of any group of cells; NaN where none has two texts with a value."""
    means = [table[:, np.isfinite(table).all(axis=0)].mean(axis=0) for table in _tables(recorded, metric)]
    return max((float(values.std(ddof=1)) for values in means if len(values) > 1), default=float("nan"))


def _tables(recorded: Recorded, metric: str) -> list[np.ndarray]:
    """A metric's scores, seeds × texts, of each group of cells that has some."""
    groups: dict[str, list[str]] = {}
    for name, cell in sorted(recorded.cells.items()):
        if metric in cell.values:
            groups.setdefault(group_of(name), []).append(name)
    return [score_array(recorded, names, metric).by_text for names in groups.values()]
