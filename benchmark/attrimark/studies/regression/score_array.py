"""The scores of cells that differ in their seed and replicate only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attrimark.results.scores import ScoreArray

from .recorded import Recorded, seed_of


def score_array(side: Recorded, names: Sequence[str], metric: str) -> ScoreArray:
    """Means over replicates, on all texts that any of these cells was judged on, sorted.

    Args:
        names: of the cells, which are of one method; under the operators that all of them were judged by.
    """
    of_seed: dict[int, list[ScoreArray]] = {}
    for name in names:
        of_seed.setdefault(seed_of(name), []).append(side.cells[name].scores(metric))
    every = [each for arrays in of_seed.values() for each in arrays]
    texts = tuple(sorted({text for each in every for text in each.texts}))
    operators = tuple(name for name in every[0].operators if all(name in each.operators for each in every))
    seeds = tuple(sorted(of_seed))
    shape = len(seeds), len(texts), len(operators)
    values, invalid = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    for place, seed in enumerate(seeds):
        tables = np.full((len(of_seed[seed]), *shape[1:]), np.nan)
        for table, each in zip(tables, of_seed[seed], strict=True):
            known = np.isin(texts, each.texts)
            judged, columns = each.on(sorted(each.texts)), [*map(each.operators.index, operators)]
            table[known] = judged.values[0][:, columns]
            invalid[place, known] |= judged.invalid[0][:, columns]
        values[place] = tables.mean(axis=0)
    missing = np.isnan(values) & ~invalid
    return ScoreArray(seeds, texts, operators, values, missing, invalid, every[0].home)
