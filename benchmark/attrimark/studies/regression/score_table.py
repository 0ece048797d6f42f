"""The scores of cells that differ in their seed and replicate only, as a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attrimark.results.scores import BySeedAndText

from .recorded import Recorded, seed_of


def score_table(side: Recorded, names: Sequence[str], metric: str, texts: Sequence[str] | None = None) -> BySeedAndText:
    """Means over replicates; NaN where one has no score.

    Args:
        names: of the cells.
        texts: those to show; by default all that these cells were judged on, sorted.
    """
    texts = sorted(texts_of(side, names, metric)) if texts is None else texts
    seeds: dict[int, list[dict[str, float]]] = {}
    for name in names:
        array = side.cells[name].scores(metric)
        seeds.setdefault(seed_of(name), []).append(array.by_id)
    rows = [[np.mean([each.get(text, np.nan) for each in seeds[seed]]) for text in texts] for seed in sorted(seeds)]
    return np.array(rows, dtype=np.float64)


def texts_of(side: Recorded, names: Sequence[str], metric: str) -> set[str]:
    """Those that any of these cells was judged on."""
    return {text for name in names for text in side.cells[name].values[metric].texts}
