"""What is stored of each network: its metrics' values on every text, and its explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from attrimark_registry.attribution import Attribution, Record
from attrimark_registry.plugin import Method, Metric
from attrimark_registry.text import Feature
from jaxtyping import Float

from attrimark.results.results import Results
from attrimark.results.scores import scores
from attrimark.suite.matrix import Cell, Variant, by_variant, of_components
from attrimark.suite.names import MODEL_ALONE

ByText = Mapping[str, float]  # by the text's id, "" for all; NaN where the metric does not apply


@dataclass(frozen=True, eq=False)
class Explanation:
    """One text's scores, averaged over replicates.

    Attributes:
        explained: the label explained, or the text written.
        written: how many tokens that text has; 0 of a label.
        value: the explained value of the whole text; None where no method of that reading asked for it.
    """

    features: tuple[Feature, ...]
    scores: Float[np.ndarray, " features"]
    explained: str
    written: int
    value: float | None


@dataclass(frozen=True, eq=False)
class Network:
    """A variant with what is known of it.

    Attributes:
        alone: values of metrics of the model alone, by the metric's display name.
        judged: values of metrics of explanations, by the method and the metric, the scores of each text.
        metrics: all of these, by display name.
        explanations: by method, then by the text's id.
        notes: why a method's explanations are missing.
    """

    variant: Variant
    alone: Mapping[str, ByText]
    judged: Mapping[tuple[str, str], ByText]
    metrics: Mapping[str, Metric]
    explanations: Mapping[str, Mapping[str, Explanation]]
    notes: tuple[str, ...] = ()


def networks(results: Results) -> dict[Variant, Network]:
    """Those that have any result, in the order of the cells."""
    made = {variant: _network(variant, group, results) for variant, group in by_variant(results.cells).items()}
    return {variant: each for variant, each in made.items() if each.alone or each.judged}


def label_of(cell: Cell) -> str:
    """A method as tables name it; with what it removes features by, and how it pools tokens, where a suite says so."""
    told = [cell.operator or "", "" if cell.pooling == "sum" else cell.pooling, "each token" if cell.each_token else ""]
    return ", ".join(filter(None, [str(cell.method), *told]))


def _network(variant: Variant, cells: Sequence[Cell], results: Results) -> Network:
    records = results.records
    alone: dict[str, ByText] = {}
    judged: dict[tuple[str, str], ByText] = {}
    explanations: dict[str, dict[str, Explanation]] = {}
    methods: dict[str, Method] = {}
    notes: dict[str, None] = {}
    replicates: dict[str, list[Cell]] = {}
    for cell in cells:
        replicates.setdefault("" if cell.method is None else label_of(cell), []).append(cell)
    for label, group in replicates.items():
        if of_components(group[0].method):
            continue
        found = [records[cell.id] for cell in group if cell.id in records and records[cell.id].status == "ok"]
        if len(found) < len(group):
            ended = next((records[cell.id] for cell in group if _went_wrong(records.get(cell.id))), None)
            notes[f"{label or MODEL_ALONE}: {ended.reason if ended else 'no result yet'}"] = None
            continue
        for digest, metric in group[0].judgements.items():
            array = scores({(variant.seed, place): record for place, record in enumerate(found)}, digest)
            if array.invalid.any():
                notes[f"{label or MODEL_ALONE}, {metric}: {array.refusal}"] = None
            elif array.texts and group[0].method is None:
                alone[str(metric)] = array.by_id
            elif array.texts:
                judged[label, str(metric)] = array.by_id
        if group[0].method is not None:
            methods[label] = group[0].method
            bundles = [results.attributions(record) for record in found if record.bundle]
            explanations[label] = _explanations(bundles)
    metrics = {str(metric): metric for cell in cells for metric in cell.judgements.values()}
    return Network(variant, alone, judged, metrics, _with_values(explanations, methods), tuple(notes))


def _went_wrong(record: Record | None) -> bool:
    return record is not None and record.status != "ok"


def _explanations(bundles: Sequence[Sequence[Attribution]]) -> dict[str, Explanation]:
    """The texts that every replicate explains."""
    tables = [{each.example.id: each for each in bundle} for bundle in bundles]
    made = {}
    for text, first in (tables[0] if tables else {}).items():
        if all(text in table for table in tables):
            scores = np.stack([table[text].scores for table in tables]).mean(axis=0, dtype=np.float64)
            made[text] = Explanation(first.features, scores, first.explained, len(first.target.ids), first.value_full)
    return made


def _with_values(
    explanations: Mapping[str, Mapping[str, Explanation]], methods: Mapping[str, Method]
) -> dict[str, dict[str, Explanation]]:
    """Methods that need no value of the whole text are told it by those of the same reading that do."""
    known: dict[tuple[str, str, str], float] = {}
    for label, by_text in explanations.items():
        for text, each in by_text.items():
            if each.value is not None:
                known.setdefault((methods[label].reading, text, each.explained), each.value)
    return {
        label: {
            text: replace(each, value=known.get((methods[label].reading, text, each.explained), each.value))
            for text, each in by_text.items()
        }
        for label, by_text in explanations.items()
    }
