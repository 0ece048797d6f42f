"""The methods that cannot be told apart from the best: a model confidence set.

All methods are tested for equal means; where they are not, the one that is most clearly worse than the average of the
rest is left out, and so on (T_max of Hansen, Lunde & Nason, Econometrica, 2011). The true best is left out with no more
than the stated probability, however many others there are. Groups are made so because "not told apart" is not
transitive: the first may equal the second and the second the third, and the first not the third.

The paper's block bootstrap is of one time series; here seeds and texts are crossed, and the null is that of
`crossed_null`, as for the other comparisons of a table.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from .crossed_null import CrossedNull, adjusted, observed_scores
from .intervals import ROUNDING, complete, judged

DRAWS = 4000  # for as many tests as methods


def confidence_set(
    values: Mapping[str, Float[np.ndarray, "seeds texts"]],
    rng: np.random.Generator,
    higher_is_better: bool = True,
    draws: int = DRAWS,
) -> dict[str, float]:
    """Each method's p-value: it belongs to the set of a level where p ≥ 1 − level. The last one left has 1.

    A method's p-value is the largest of the tests up to the one that leaves it out, so that the sets of higher levels
    hold those of lower ones. All are measured on the same seeds and texts, under the same removal operators; a text
    that misses any value is left out of all, and with fewer than 2 texts all are NaN. Fewer than 5 seeds speak for
    texts only.
    """
    if not values:
        return {}
    names = list(values)
    grids = complete(np.stack(list(values.values())) * (1 if higher_is_better else -1))
    if grids.shape[-1] < 2:
        return dict.fromkeys(names, np.nan)
    rows = judged(grids)
    null = CrossedNull(rows - rows.mean(axis=0), rng, draws)  # what all methods share cancels
    left, p, found = list(range(len(names))), 0.0, {}
    while len(left) > 1:
        worst, of_equality = _worst(rows, left, null)
        p = max(p, of_equality)
        found[names[worst]] = p
        left.remove(worst)
    found[names[left[0]]] = 1.0
    return {name: found[name] for name in names}


def _worst(rows: Float[np.ndarray, "methods rows texts"], left: list[int], null: CrossedNull) -> tuple[int, float]:
    """The method most clearly below the average of those left, and the p-value of their being equal."""
    contrasts = np.zeros((len(left), len(rows)))
    contrasts[:, left] = 1 / len(left)
    contrasts -= np.eye(len(rows))[left]
    behind = np.einsum("cm,mst->cst", contrasts, rows)
    behind[abs(behind) <= ROUNDING * abs(rows).max()] = 0  # methods that agree are equal to their average
    scores = observed_scores(behind)
    worst = int(scores.argmax())
    return left[worst], adjusted(float(scores[worst]), null.scores(contrasts).max(axis=1))
