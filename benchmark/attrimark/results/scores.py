"""The score of a method on a text, by a metric: the one definition, for tables, gates and comparisons.

It is the mean over replicates and over *foreign* families of removal operators, of which the method uses none itself:
sharing the metric's family is an advantage larger than most differences between methods. A family counts once, however
many of its operators there are. What is missing or invalid has no score.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from attrimark_registry.attribution import Record
from attrimark_registry.removal import OPERATORS, family_of
from jaxtyping import Bool, Float, Int

from .packed import Values, rows_of

CONTROL = "chance"  # what tables call the control: what scores get that have nothing to do with the network
CONTROL_METHOD = "random"  # the method that a suite names for it
NOTHING_FOREIGN = "scored under its own family of removal operators only"

BySeedAndText = Float[np.ndarray, "seeds texts"]


@dataclass(frozen=True, eq=False)
class ScoreArray:
    """One method by one metric, on every seed, text and operator.

    Attributes:
        seeds, texts, operators: the axes; one operator, "", where the metric removes nothing.
        values: means over replicates; NaN where one is missing or invalid.
        missing: where a replicate has no value, or the metric does not apply.
        invalid: where a value is NaN or infinite.
        home: the operators that the method uses itself.
        ended: why the metric was not computed, if so.
        permuted: the values with the words in other orders, where all have them.
    """

    seeds: tuple[Any, ...]
    texts: tuple[str, ...]
    operators: tuple[str, ...]
    values: Float[np.ndarray, "seeds texts operators"]
    missing: Bool[np.ndarray, "seeds texts operators"]
    invalid: Bool[np.ndarray, "seeds texts operators"]
    home: frozenset[str] = frozenset()
    ended: str | None = None
    permuted: Float[np.ndarray, "seeds texts orders"] | None = None

    @cached_property
    def foreign(self) -> Bool[np.ndarray, " operators"]:
        """Which operators are of no family that the method uses itself."""
        return foreign(self.operators, self.home)

    @cached_property
    def by_text(self) -> BySeedAndText:
        """The scores; NaN where a text has none, and all over where no operator is foreign."""
        return self.over(self.foreign)

    def over(self, operators: Bool[np.ndarray, " operators"]) -> BySeedAndText:
        """Means over the families of some of the operators."""
        return over_families(self.values, self.operators, operators)

    @property
    def by_id(self) -> dict[str, float]:
        """Each text's mean over seeds; NaN where one of them has no score of it."""
        return dict(zip(self.texts, self.by_text.mean(axis=0).tolist(), strict=True))

    @property
    def mean(self) -> float | None:
        """Over seeds and the texts that have a score; None where there is none."""
        known = self.by_text[np.isfinite(self.by_text)]
        return None if self.refusal or not known.size else float(known.mean())

    def on(self, texts: Sequence[str]) -> ScoreArray:
        """The same on some of the texts, in their order."""
        index = {text: place for place, text in enumerate(self.texts)}
        kept = [index[text] for text in texts]
        axes = {name: getattr(self, name)[:, kept] for name in ("values", "missing", "invalid")}
        permuted = None if self.permuted is None else self.permuted[:, kept]
        return replace(self, texts=tuple(texts), permuted=permuted, **axes)

    @property
    def problem(self) -> str | None:
        """Why the values cannot be averaged, if so."""
        if self.ended:
            return self.ended
        if self.values.size == 0:
            return "not measured"
        if invalid := int(self.invalid.any(axis=(0, 2)).sum()):
            return f"invalid: NaN or infinite on {invalid} of {len(self.texts)} texts"
        return "does not apply" if self.missing.all(axis=1).any() else None

    @property
    def refusal(self) -> str | None:
        """Why there is no score, if so."""
        return self.problem or (None if self.foreign.any() else NOTHING_FOREIGN)


def foreign(operators: Sequence[str], *homes: Collection[str]) -> Bool[np.ndarray, " operators"]:
    """Which operators are of a family that none of some methods uses itself: there, they may be compared."""
    used = {family_of(operator) for home in homes for operator in home}
    return np.array([family_of(operator) not in used for operator in operators], dtype=bool)


def over_families(
    values: Float[np.ndarray, "*places operators"], operators: Sequence[str], chosen: Bool[np.ndarray, " operators"]
) -> Float[np.ndarray, "*places"]:
    """Means over the families of the chosen operators, each the mean over its own; NaN where none is chosen."""
    families = families_of([operator for operator, kept in zip(operators, chosen, strict=True) if kept])
    if not families:
        return np.full(values.shape[:-1], np.nan)
    means = [values[..., [*map(operators.index, family)]].mean(axis=-1) for family in families.values()]
    return np.mean(means, axis=0)


def families_of(operators: Iterable[str]) -> dict[str, list[str]]:
    """Operators by family, in their order."""
    found: dict[str, list[str]] = {}
    for operator in operators:
        found.setdefault(family_of(operator), []).append(operator)
    return found


def is_control(method: str | None) -> bool:
    """Whether a method of that display name is the control, whatever its options."""
    return method is not None and method.partition("(")[0] in (CONTROL, CONTROL_METHOD)


def home_of(method: str | None, operator: str | None) -> frozenset[str]:
    """The operators that a method uses itself, in removing or in its reference; the control uses none.

    Args:
        operator: as records name it; several are joined by "+".
    """
    return frozenset() if operator is None or is_control(method) else frozenset(operator.split("+"))


def operators_of(records: Iterable[Record], metric: str) -> tuple[str, ...]:
    """Those that a metric removed features by, in the order of all; "" where it removes nothing."""
    used = {row.operator for record in records for row in rows_of(record.measures) if row.metric == metric}
    return tuple(operator for operator in ("", *OPERATORS) if operator in used)


def texts_of(records: Iterable[Record], metric: str | None = None) -> tuple[str, ...]:
    """Those that any of the records has a measure of, by that metric or by any."""
    rows = (row for record in records for row in rows_of(record.measures) if metric in (None, row.metric))
    lists = dict.fromkeys(row.texts for row in rows)  # few: most cells are of the same texts
    return tuple(dict.fromkeys(text for texts in lists for text in texts))


def scores(
    records: Mapping[tuple[Any, Any], Record],
    metric: str,
    *,
    seeds: Sequence[Any] | None = None,
    texts: Sequence[str] | None = None,
    operators: Sequence[str] | None = None,
    diagnostic: str | None = None,
) -> ScoreArray:
    """What the records of one method say by one metric.

    Args:
        records: by seed and replicate.
        metric: its digest.
        seeds, texts, operators: the axes; by default whatever the records have.
        diagnostic: take the diagnostic of that name in place of the value.
    """
    every = list(records.values())
    axes = (
        tuple(dict.fromkeys(seed for seed, _ in records)) if seeds is None else tuple(seeds),
        texts_of(every, metric) if texts is None else tuple(texts),
        operators_of(every, metric) if operators is None else tuple(operators),
    )
    index = [{name: place for place, name in enumerate(axis)} for axis in axes]
    among: dict[tuple[str, ...], tuple[Bool[np.ndarray, " texts"], Int[np.ndarray, " texts"]]] = {}
    total = np.zeros([len(axis) for axis in axes])
    count, broken = np.zeros(total.shape, dtype=int), np.zeros(total.shape, dtype=bool)
    permuted: list[tuple[Any, ...]] = []
    measured = False
    for (seed, _), record in records.items():
        for row in rows_of(record.measures):
            if row.metric != metric:
                continue
            measured = True
            if row.operator in index[2]:
                values, applies = (row.values, row.applies) if diagnostic is None else _diagnostic(row, diagnostic)
                if row.texts not in among:
                    places = np.array([index[1].get(text, -1) for text in row.texts], dtype=np.int64)
                    among[row.texts] = places >= 0, places
                asked, places = among[row.texts]
                known = asked & applies
                finite = np.isfinite(values[known])
                at = index[0][seed], places[known], index[2][row.operator]
                total[at] += np.where(finite, values[known], 0.0)
                count[at] += 1
                broken[at] |= ~finite
                if diagnostic is None:
                    permuted.append((at[:2], row.permuted[known]))
    missing = count < len({replicate for _, replicate in records})
    ends = [record.metric_status[metric] for record in every if metric in record.metric_status]
    ended = next((f"{status}: {reason}" for status, reason in ends if status != "ok"), None)
    return ScoreArray(
        *axes,
        values=np.where(missing | broken, np.nan, total / np.maximum(count, 1)),
        missing=missing & ~broken,
        invalid=broken,
        home=frozenset().union(*(home_of(each.specs["method"], each.specs.get("operator")) for each in every)),
        ended=ended or (None if measured else "not measured"),
        permuted=_permuted(permuted, count[:, :, 0]) if axes[2] == ("",) else None,
    )


def scores_of_network(record: Record, metric: str) -> ScoreArray:
    """What one record says by one metric: that of a metric of the model has one seed, and no method."""
    return scores({(record.specs["seed"], record.specs.get("replicate")): record}, metric)


def _permuted(
    found: Sequence[tuple[Any, Float[np.ndarray, "some orders"]]], count: Int[np.ndarray, "seeds texts"]
) -> Float[np.ndarray, "seeds texts orders"] | None:
    """Means over replicates; None where some have no other orders, or fewer."""
    orders, *others = {each.shape[1] for _, each in found if len(each)} or {0}
    if not orders or others:
        return None
    total = np.zeros((*count.shape, orders))
    for at, each in found:
        if len(each):
            total[at] += each
    return np.where(count[:, :, None] > 0, total / np.maximum(count, 1)[:, :, None], np.nan)


def _diagnostic(row: Values, name: str) -> tuple[Float[np.ndarray, " texts"], Bool[np.ndarray, " texts"]]:
    if not row.notes:
        return np.full(len(row.texts), np.nan), np.zeros(len(row.texts), dtype=bool)
    found = [notes.get(name) for notes in row.diagnostics]
    return np.array([np.nan if each is None else each for each in found]), np.array(
        [each is not None for each in found]
    )
