"""Does a verdict survive the choices behind it? Every pair of methods, in every analysis that a suite allows.

All of it is read from stored raw outputs: nothing goes through a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from attrimark_registry.attribution import Record
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.names import nearest
from attrimark_registry.reading import Reading
from jaxtyping import Float

from attrimark.results.entries import Entry, Place, by_place, entries_of, seeds_of
from attrimark.results.model_metrics import accuracy_of, alone
from attrimark.results.nothing import Nothing
from attrimark.results.outputs_file import outputs_path, read_outputs
from attrimark.results.raw_outputs import RawOutputs
from attrimark.results.results import Results
from attrimark.results.scores import CONTROL, ScoreArray, is_control
from attrimark.suite.choices import LABELS, Choices
from attrimark.suite.matrix import Cell

from .specification_curve import AWAY, Analysis, Contestant, Curve, Levels, Values, curve

METRICS = ("sufficiency", "comprehensiveness")
FEWEST_TEXTS = 2  # with fewer there is no interval

Runs = Mapping[tuple[Any, Any], RawOutputs]  # by seed and replicate


@dataclass(frozen=True)
class Multiverse:
    """One dataset, model and chain.

    Attributes:
        seeds, texts: how many all methods share.
        ranked: the methods by each metric, best first in the suite's own analysis.
        curves: metric by metric every method against random, and each against the next in rank; or the pair asked for.
        accuracy: the model's own, where it was measured.
        notes: what was left out, and why.
    """

    dataset: str
    model: str
    chain: str
    setting: Mapping[str, Any]
    seeds: int
    texts: int
    levels: Levels
    ranked: Mapping[str, tuple[str, ...]]
    curves: tuple[Curve, ...]
    accuracy: float | None = None
    notes: tuple[str, ...] = ()


def multiverses(
    results: Results, metrics: Sequence[str] = METRICS, pair: tuple[str, str] | None = None
) -> list[Multiverse]:
    """What is found for each dataset × model × chain of a suite.

    Args:
        pair: two methods to compare, by their display names; instead of each with random and with the next in rank.

    Raises:
        Nothing: no raw outputs are stored.
        AttrimarkError: the suite names no choices; there is no such method.
    """
    suite = results.suite
    choices = suite.asks.get("multiverse")
    if choices is None:
        raise AttrimarkError(
            f"suite {suite.name} names no choices to go through: add a table [suites.{suite.name}.multiverse] "
            "(docs/multiverse.md) and run it; what is finished is not explained again"
        )
    cells = {cell.id: cell for cell in results.cells}
    found = []
    for place, group in by_place(results.records.values()).items():
        methods = [record for record in group if record.specs["method"] is not None]
        if each := _multiverse(place, methods, cells, results.store.folder, choices, metrics, pair):
            found.append(replace(each, accuracy=accuracy_of(alone(group, results.metrics))))
    if not found:
        raise Nothing(
            f"nothing is stored for the multiverse of suite {suite.name}: run `attrimark run {suite.name}`, which asks "
            "for the raw outputs and explains nothing again"
        )
    return found


def _multiverse(
    place: Place,
    records: Sequence[Record],
    cells: Mapping[str, Cell],
    folder: Path,
    choices: Choices,
    metrics: Sequence[str],
    pair: tuple[str, str] | None,
) -> Multiverse | None:
    seeds, notes = seeds_of(records)
    read: dict[Entry, Runs] = {}
    for entry in entries_of(records, seeds):
        if reason := entry.status[1] or _lacking(entry, cells, folder, choices):
            notes = (*notes, f"{entry.label} is left out: {reason}")
        else:
            mine = {key: cells[record.cell] for key, record in entry.records.items()}
            read[entry] = {key: read_outputs(outputs_path(folder, cell.address(choices))) for key, cell in mine.items()}
    if not read:
        return None
    every = [outputs for runs in read.values() for outputs in runs.values()]
    texts = _shared([each.texts for each in every])
    levels, unread = _levels(choices, every, texts)
    curves: list[Curve] = []
    ranked: dict[str, tuple[str, ...]] = {}
    values = {entry: _values(runs, entry, texts, levels) for entry, runs in read.items()}
    for metric in metrics:
        own = _own(metric, place, choices, [cells[record.cell] for record in records])
        scored = {entry: _scores(entry, values[entry][metric], own, levels, texts) for entry in read}
        refused = {entry: array.refusal for entry, array in scored.items() if array.refusal}
        notes = (*notes, *(f"{each.label} is left out of {metric}: {reason}" for each, reason in refused.items()))
        ranks = {entry: array.by_text.mean() for entry, array in scored.items() if entry not in refused}
        best_first = sorted(ranks, key=ranks.__getitem__, reverse=True)
        contestants = {each.label: Contestant(each.label, each.home, values[each][metric]) for each in best_first}
        ranked[metric] = tuple(contestants)
        pairs = [_known(_labels(pair), ranked[metric])] if pair else _pairs(best_first)
        curves += [curve(metric, contestants[a], contestants[b], levels, own) for a, b in pairs]
    return Multiverse(
        dataset=place.dataset,
        model=place.model,
        chain=place.chain,
        setting=dict(place.setting),
        seeds=len(seeds),
        texts=len(texts),
        levels=levels,
        ranked=ranked,
        curves=tuple(curves),
        notes=(*notes, *unread),
    )


def _lacking(entry: Entry, cells: Mapping[str, Cell], folder: Path, choices: Choices) -> str | None:
    """Why a method's raw outputs cannot be read, if so."""
    for record in entry.records.values():
        cell = cells[record.cell]
        if not cell.outputs:
            return "it scores parts of the network, not words"
        address = cell.address(choices)
        status, reason = record.metric_status.get(address, ("missing", None))
        if status in ("unsupported", "failed"):
            return reason
        if status == "missing" or not outputs_path(folder, address).exists():
            return "its raw outputs are not stored yet: run the suite"
    return None


def _shared(lists: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
    """What all have, in the order of the first."""
    common = set.intersection(*map(set, lists))
    return tuple(each for each in dict.fromkeys(lists[0]) if each in common)


def _levels(choices: Choices, every: Sequence[RawOutputs], texts: Sequence[str]) -> tuple[Levels, tuple[str, ...]]:
    """The levels that are crossed here, and why others are left out.

    Raises:
        AttrimarkError: of some factor none is left.
    """
    labels = every[0].labels
    left_out: dict[str, str] = {}
    classes = dict.fromkeys(name for each in choices.classes for name in (labels if each == LABELS else [each]))
    for name in classes:
        reads = [dict(zip(each.texts, each.reads(name).tolist(), strict=True)) for each in every]
        if sum(all(table[text] for table in reads) for text in texts) < FEWEST_TEXTS:
            left_out[name] = (
                f"class {name} is left out: fewer than {FEWEST_TEXTS} texts are explained for it by all seeds"
            )
    if not labels and "decision" in choices.readings:
        left_out["decision"] = "value decision is left out: a text that is written has no decision to read"
    levels = Levels(
        operators=_shared([each.operators for each in every]),
        values=tuple(each for each in choices.readings if each not in left_out),
        poolings=choices.poolings,
        lengths=choices.lengths,
        classes=tuple(each for each in classes if each not in left_out),
    )
    for factor, crossed in levels.of.items():
        if not crossed:
            raise AttrimarkError(f"no {factor} of the multiverse can be read: {'; '.join(left_out.values())}")
    return levels, tuple(left_out.values())


def _own(metric: str, place: Place, choices: Choices, cells: Sequence[Cell]) -> Analysis:
    """The leaderboard's own analysis; where a choice of its is not among those gone through, the first that is."""
    pooling = dict(place.setting)["pooling"]
    ratios = [getattr(each, "ratio", None) for cell in cells for each in cell.metrics if each.name == metric]
    return Analysis(
        operator=AWAY,
        value="probability",
        pooling=pooling if pooling in choices.poolings else choices.poolings[0],
        length=next((ratio for ratio in ratios if ratio in choices.lengths), choices.lengths[0]),
        whose="predicted",
    )


def _values(runs: Runs, entry: Entry, texts: Sequence[str], levels: Levels) -> dict[str, Values]:
    """Each metric in every reading of every class, means over replicates."""
    found: dict[str, dict[tuple[Reading, str], np.ndarray]] = {metric: {} for metric in METRICS}
    # the leaderboard's own reading is needed, whether it is among the choices or not
    readings: dict[Reading, None] = dict.fromkeys((*levels.values, "probability"))
    for key in product(readings, dict.fromkeys((*levels.classes, "predicted"))):
        lost = {place: _aligned(outputs, outputs.lost(*key), texts, levels) for place, outputs in runs.items()}
        mean = [np.mean([lost[seed, replicate] for replicate in entry.replicates], axis=0) for seed in entry.seeds]
        kept, removed = np.stack(mean, axis=1)
        found["sufficiency"][key] = 1 - kept
        found["comprehensiveness"][key] = removed
    return dict(found)


def _aligned(
    outputs: RawOutputs, lost: Float[np.ndarray, "2 some any poolings lengths"], texts: Sequence[str], levels: Levels
) -> Float[np.ndarray, "2 texts operators poolings lengths"]:
    """With the texts and operators that all cells share, in one order; of a text explained in several ways the mean."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(outputs.texts):
        places.setdefault(text, []).append(place)
    operators = [outputs.operators.index(name) for name in levels.operators]
    return np.stack([lost[:, places[text]].mean(axis=1) for text in texts], axis=1)[:, :, operators]


def _scores(entry: Entry, values: Values, own: Analysis, levels: Levels, texts: Sequence[str]) -> ScoreArray:
    """What a method scores in the suite's own analysis."""
    grid = values[own.value, own.whose][:, :, :, levels.poolings.index(own.pooling), levels.lengths.index(own.length)]
    invalid = ~np.isfinite(grid)
    values_there = np.where(invalid, np.nan, grid)
    return ScoreArray(entry.seeds, tuple(texts), levels.operators, values_there, invalid & False, invalid, entry.home)


def _labels(pair: tuple[str, str]) -> tuple[str, str]:
    """The methods as tables call them."""
    first, second = (CONTROL if is_control(each) else each for each in pair)
    return first, second


def _pairs(best_first: Sequence[Entry]) -> list[tuple[str, str]]:
    """Each method and random, then each method and the next; the better one first, and every pair once."""
    control = next((entry.label for entry in best_first if entry.is_control), None)
    labels = [entry.label for entry in best_first]
    others = [label for label in labels if label != control]
    beside_random = [(label, control) for label in others] if control else []
    return [*beside_random, *pairwise(others)]


def _known(pair: tuple[str, str], labels: Sequence[str]) -> tuple[str, str]:
    """The pair, both of which are there."""
    for label in pair:
        if label not in labels:
            known = ", ".join(labels)
            raise AttrimarkError(f'no raw outputs of a method "{label}" (there are: {known}){nearest(label, labels)}')
    return pair
