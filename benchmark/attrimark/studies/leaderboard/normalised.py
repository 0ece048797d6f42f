"""Scores that may stand beside each other for several variants: normalised, and on texts that all decide alike.

The bounds of what removing words can do belong to the network (Edin et al., arXiv 2408.08137): a raw sufficiency of a
fine-tuned model says as much about the model as about the explanations. So a metric of subsets is shown only where it
tells its bounds, as a ratio of means over texts; a metric that compares scores with marked words has no such bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from attrimark_registry.attribution import Record
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.plugin import Metric, SubsetMetric

from attrimark.results.entries import Entry, Place, by_place, entries_of, seeds_of, shared_texts, variant_name
from attrimark.results.model_metrics import accuracy_of, alone, weak
from attrimark.results.nothing import Nothing
from attrimark.statistics.intervals import Estimate, crossed_interval
from attrimark.statistics.ratio import ratio_of_means

from .comparison import Comparison, compared

FLAT = 1e-9  # a mean range below this is rounding


@dataclass(frozen=True)
class Normalised:
    """Methods × variants of one dataset.

    Attributes:
        scores: by the metric's display name, then by method, then by variant; None where no order of removal
            differs from another.
        alike, texts: on how many of the texts all variants and seeds explain the same class: only these count.
        refused: the metrics that are not shown, with the reason.
        left_out: variants of which no method has a result.
        weak: the accuracy of the models that are wrong too often, by variant.
    """

    dataset: str
    variants: tuple[str, ...]
    scores: Mapping[str, Mapping[str, Mapping[str, Estimate | None]]]
    alike: int
    texts: int
    level: float
    refused: Mapping[str, str]
    left_out: tuple[str, ...] = ()
    weak: Mapping[str, float] = field(default_factory=dict)


def normalised(
    records: Sequence[Record],
    metrics: Mapping[str, Metric],
    explained: Callable[[Record], Mapping[str, str]],
    level: float = 0.95,
    metric: str | None = None,
) -> list[Normalised]:
    """One for each dataset.

    Args:
        metrics: by digest.
        explained: which label a record explains, by text.
        metric: show this one only, by its name or title.

    Raises:
        Nothing: no method has a result.
        AttrimarkError: no metric may be compared between variants, with the remedy.
    """
    datasets: dict[str, dict[Place, list[Entry]]] = {}
    accuracies: dict[Place, float | None] = {}
    for place, group in by_place(records).items():
        methods = [record for record in group if record.specs["method"] is not None]
        if methods:
            entries = [entry for entry in entries_of(methods, seeds_of(methods)[0]) if entry.status[0] == "ok"]
            datasets.setdefault(place.dataset, {})[place] = entries
            accuracies[place] = accuracy_of(alone(group, metrics))
    if not datasets:
        raise Nothing("nothing to show: run the suite first")
    shown = {digest: each for digest, each in metrics.items() if metric is None or each.goes_by(metric)}
    found = [_of(dataset, variants, shown, explained, level, accuracies) for dataset, variants in datasets.items()]
    if not any(each.scores for each in found):
        reasons = dict.fromkeys(reason for each in found for reason in each.refused.values())
        if reasons:
            raise AttrimarkError("; ".join(reasons))
        raise Nothing("nothing to show: no method has a result")
    return found


def _of(
    dataset: str,
    variants: Mapping[Place, Sequence[Entry]],
    metrics: Mapping[str, Metric],
    explained: Callable[[Record], Mapping[str, str]],
    level: float,
    accuracies: Mapping[Place, float | None],
) -> Normalised:
    settings = [dict(place.setting) for place in variants]
    every = {place: variant_name(place.model, place.chain, dict(place.setting), settings) for place in variants}
    left_out = tuple(name for place, name in every.items() if not variants[place])
    variants = {place: entries for place, entries in variants.items() if entries}
    names = {place: every[place] for place in variants}
    if not variants:
        return Normalised(dataset, (), {}, 0, 0, level, {}, left_out)
    shared = [set(shared_texts(entries)[0]) for entries in variants.values()]
    texts = [text for text in shared_texts(next(iter(variants.values())))[0] if all(text in each for each in shared)]
    alike = _alike(variants, texts, explained)
    scores, refused = {}, {}
    for title, by_variant in _digests(variants, metrics).items():
        metric = metrics[next(iter(by_variant.values()))]
        if len(by_variant) < len(variants):
            refused[title] = f"{title} was measured on {len(by_variant)} of {len(variants)} variants"
            continue
        sides = _compared(variants, by_variant, alike)
        if not all(each.texts for each in sides.values()):
            refused[title] = f"{title}: there is no text that all variants decide alike, with a value on each"
            continue
        if isinstance(metric, SubsetMetric) and not all(each.bounds for each in sides.values()):
            refused[title] = (
                f"{title} is bounded by each network in its own way, so its scores say nothing beside each other: "
                "measure normalised-aopc, or take mean ranks (--across ranks)"
            )
            continue
        first, *rest = sides.values()
        methods = [label for label in first.scores if all(label in each.scores for each in rest)]
        if methods:
            scores[title] = {
                method: {names[place]: _score(each, method, level) for place, each in sides.items()}
                for method in methods
            }
        else:
            refused[title] = f"{title}: no method has a score on every variant, on texts that all decide alike"
    wrong = weak({name: accuracies[place] for place, name in names.items()})
    return Normalised(dataset, tuple(names.values()), scores, len(alike), len(texts), level, refused, left_out, wrong)


def _alike(
    variants: Mapping[Place, Sequence[Entry]], texts: Sequence[str], explained: Callable[[Record], Mapping[str, str]]
) -> list[str]:
    """The texts of which all variants and seeds explain the same class; methods of a variant explain one decision."""
    labels: dict[str, set[str]] = {text: set() for text in texts}
    for entries in variants.values():
        firsts = {seed: record for entry in entries[:1] for (seed, _), record in entry.records.items()}
        for record in firsts.values():
            told = explained(record)
            for text in texts:
                labels[text].add(told[text])
    return [text for text in texts if len(labels[text]) == 1]


def _digests(variants: Mapping[Place, Sequence[Entry]], metrics: Mapping[str, Metric]) -> dict[str, dict[Place, str]]:
    """By the metric's display name, its digest on each variant that has it: suites may name operators by model."""
    found: dict[str, dict[Place, str]] = {}
    for place, entries in variants.items():
        for digest, metric in metrics.items():
            if any(entry.knows(digest) for entry in entries):
                found.setdefault(str(metric), {}).setdefault(place, digest)
    return found


def _compared(
    variants: Mapping[Place, Sequence[Entry]], digests: Mapping[Place, str], texts: Sequence[str]
) -> dict[Place, Comparison]:
    """The metric on every variant, on texts that have a value on all of them."""
    once = {place: compared(entries, digests[place], texts) for place, entries in variants.items()}
    whole = [text for text in texts if all(text in each.texts for each in once.values())]
    return {place: compared(entries, digests[place], whole) for place, entries in variants.items()}


def _score(comparison: Comparison, method: str, level: float) -> Estimate | None:
    """Of the least-squares means; None where the method shares no family of operators with the others."""
    if comparison.bounds is None:
        adjusted = comparison.adjusted(comparison.scores)[method]
        return crossed_interval(adjusted, level) if np.isfinite(adjusted).all() else None
    reached, worst, best = (
        comparison.adjusted(comparison.bounds[name])[method] for name in ("reached", "worst", "best")
    )
    span = best - worst
    return ratio_of_means(reached - worst, span, level) if abs(span.mean()) > FLAT else None
