"""What a recorded suite could see: the smallest change of each primary metric that a comparison would call worse."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .quality_change import FEWEST_TEXTS, POWER, detectable
from .recorded import Recorded, group_of
from .regression import away_table


def power_of(recorded: Recorded) -> Iterator[str]:
    """For each primary metric, a line: the change that would be seen in every cell.

    As if the differences varied over texts as the values themselves do, which is more than they mostly do.
    """
    groups: dict[str, dict[str, list[str]]] = {metric: {} for metric in recorded.primary}
    for name, cell in sorted(recorded.cells.items()):
        for metric in recorded.primary:
            if metric in cell.values:
                groups[metric].setdefault(group_of(name), []).append(name)
    tests = sum(map(len, groups.values()))
    for metric, of_metric in groups.items():
        tables = [away_table(recorded, names, metric) for names in of_metric.values()]
        rooms = [room for table in tables if not np.isnan(room := detectable(table, tests))]
        texts = min((int(np.isfinite(table).all(axis=0).sum()) for table in tables), default=0)
        if texts < FEWEST_TEXTS:
            yield f"{metric}: {texts} texts: a changed value is never called worse with fewer than {FEWEST_TEXTS}."
        elif rooms:
            yield (
                f"{metric}: a change of {max(rooms):.2g} would be seen with {POWER:.0%} probability "
                f"({texts} texts, {tests} comparisons)."
            )
