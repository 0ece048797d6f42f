"""Two runs of the same cells, one beside the other: how much each method's score moved, and whether that is real.

Paired on seeds, texts and removal operators. Cells are the same where their specs are: a run by another version of a
plugin, or on other weights of the same name, is what one wants to compare with. Other datasets, models, chains or
settings are never paired, for raw scores of different networks say nothing beside each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from attrimark_registry.attribution import Record
from attrimark_registry.plugin import Metric

from attrimark.results.entries import Entry, Place, Spend, by_place, entries_of, seeds_of, shared_texts
from attrimark.results.model_metrics import accuracy_of, alone
from attrimark.results.nothing import Nothing
from attrimark.results.paired import paired
from attrimark.results.scores import BySeedAndText, operators_of
from attrimark.statistics.effect_size import standardised
from attrimark.statistics.intervals import Estimate, simultaneous_level
from attrimark.statistics.next_seed import holds_on_next_seed
from attrimark.statistics.simultaneous import simultaneous
from attrimark.statistics.verdict import Verdict, towards_better, verdict_of

from .provenance import differences


@dataclass(frozen=True)
class Change:
    """One method by one metric: the second run minus the first.

    Attributes:
        before, after: the means over the seeds, texts and operators that both runs have.
        difference: with an interval that is simultaneous over the place.
        verdict: whether the second run is better, on average.
        next_seed: the probability that one more seed shows the same sign.
        effect: in standard deviations over texts, positive where better.
    """

    method: str
    metric: str
    before: float
    after: float
    difference: Estimate
    p: float | None
    verdict: Verdict
    next_seed: float | None
    effect: float | None


@dataclass(frozen=True)
class PlaceCompared:
    """What both runs have of one dataset, model and chain.

    Attributes:
        changes: metric by metric.
        identical: the methods whose cells are the very same, by content: their differences are 0 by identity.
        spends: each method's mean cost of an explanation, before and after.
        notes: what was left out, and why.
        accuracies: of the model, before and after; None where it was not measured.
    """

    place: Place
    seeds: tuple[int | None, ...]
    texts: int
    level: float
    changes: tuple[Change, ...]
    identical: tuple[str, ...]
    spends: Mapping[str, tuple[Spend, Spend]]
    notes: tuple[str, ...]
    accuracies: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True)
class TwoRuns:
    """The first run and the second.

    Attributes:
        only_before, only_after: places, methods and metrics that the other run has not.
        differs: what is not the same about how both were computed: versions, machines.
    """

    names: tuple[str, str]
    places: tuple[PlaceCompared, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    differs: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One side: the records of a suite, and by digest the metrics that judged them."""

    name: str
    records: Sequence[Record]
    metrics: Mapping[str, Metric]

    def places(self) -> dict[Place, list[Record]]:
        """The records of each place where any method has one; also those of the model alone."""
        return {
            place: group
            for place, group in by_place(self.records).items()
            if any(record.specs["method"] is not None for record in group)
        }


def compare_runs(before: Run, after: Run, level: float = 0.95) -> TwoRuns:
    """Every method and metric that both runs have.

    Raises:
        Nothing: a run has no results, or none is common to both; the message says why.
        AttrimarkError: two records of one run cannot be told apart by their specs.
    """
    sides = before.places(), after.places()
    for run, places in zip((before, after), sides, strict=True):
        if not places:
            raise Nothing(f"{run.name} holds no results of this suite: run it first")
    shared = [place for place in sides[0] if place in sides[1]]
    lost = [_whole(place) for place in sides[0] if place not in shared]
    new = [_whole(place) for place in sides[1] if place not in shared]
    compared = []
    for place in shared:
        found, only = _compared(place, (sides[0][place], sides[1][place]), (before.metrics, after.metrics), level)
        compared.append(found)
        lost += only[0]
        new += only[1]
    if not any(each.changes for each in compared):
        raise Nothing(_nothing(before.name, after.name, lost, new, compared))
    records = [[each for place in shared for each in _of_methods(side[place])] for side in sides]
    return TwoRuns((before.name, after.name), tuple(compared), tuple(lost), tuple(new), tuple(differences(*records)))


def _compared(
    place: Place,
    records: tuple[Sequence[Record], Sequence[Record]],
    metrics: tuple[Mapping[str, Metric], Mapping[str, Metric]],
    level: float,
) -> tuple[PlaceCompared, tuple[list[str], list[str]]]:
    """What both have in one place; and what only one has."""
    accuracies = tuple(accuracy_of(alone(side, known)) for side, known in zip(records, metrics, strict=True))
    records = (_of_methods(records[0]), _of_methods(records[1]))
    all_seeds = [seeds_of(side)[0] for side in records]
    seeds = tuple(seed for seed in all_seeds[0] if seed in all_seeds[1])
    notes = [
        f"seed {seed}: only in the {which} run"
        for side, which in zip(all_seeds, ("first", "second"), strict=True)
        for seed in side
        if seed not in seeds
    ]
    sides = [{entry.label: entry for entry in entries_of(side, seeds)} for side in records]
    pairs: dict[str, tuple[Entry, Entry]] = {}
    for label in (label for label in sides[0] if label in sides[1]):
        pair = sides[0][label], sides[1][label]
        ends = [entry.status for entry in pair]
        if ends[0][0] == ends[1][0] == "ok":
            pairs[label] = pair
        else:
            told = [status if reason is None else f"{status} ({reason})" for status, reason in ends]
            notes.append(f"{label}: {told[0]} in the first run, {told[1]} in the second: not compared")
    shared = [set(shared_texts([pair[side] for pair in pairs.values()])[0]) for side in (0, 1)]
    first = shared_texts([pair[0] for pair in pairs.values()])[0] if pairs else ()
    texts = [text for text in first if text in shared[1]]
    changes, only, told = _changes(pairs, metrics, texts, level)
    notes += told
    if pairs and not texts:
        notes.append("no text was explained by every method of both runs")
    missing = [
        [f"{place}: {label}" for label in sides[side] if label not in sides[1 - side]]
        + [f"{place}: metric {title}" for title in only[side]]
        for side in (0, 1)
    ]
    identical = tuple(label for label, (one, other) in pairs.items() if _cells(one) == _cells(other))
    spends = {label: (one.spend, other.spend) for label, (one, other) in pairs.items() if one.spend and other.spend}
    found = PlaceCompared(
        place, seeds, len(texts), level, tuple(changes), identical, spends, tuple(notes), (accuracies[0], accuracies[1])
    )
    return found, (missing[0], missing[1])


def _of_methods(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.specs["method"] is not None]


def _changes(
    pairs: Mapping[str, tuple[Entry, Entry]],
    metrics: tuple[Mapping[str, Metric], Mapping[str, Metric]],
    texts: Sequence[str],
    level: float,
) -> tuple[list[Change], tuple[list[str], list[str]], list[str]]:
    """The changes; the metrics that one run has not; and why methods have no change."""
    known = [
        {
            digest: metric
            for digest, metric in metrics[side].items()
            if any(pair[side].knows(digest) for pair in pairs.values())
        }
        for side in (0, 1)
    ]
    only = tuple(
        [str(each) for digest, each in known[side].items() if digest not in known[1 - side]] for side in (0, 1)
    )
    families: dict[str, dict[str, tuple[BySeedAndText, BySeedAndText]]] = {}
    notes: list[str] = []
    for digest in (digest for digest in known[0] if digest in known[1]):
        sides, reasons = _sides(pairs, digest, texts)
        notes += [f"{label}, {known[0][digest]}: {reason}" for label, reason in reasons.items()]
        if sides:
            families[digest] = sides
    shared = simultaneous_level(level, len(families))
    changes = [
        change
        for digest, sides in families.items()
        for change in _judged(known[0][digest], sides, shared, len(families))
    ]
    return changes, (only[0], only[1]), notes


def _sides(
    pairs: Mapping[str, tuple[Entry, Entry]], digest: str, texts: Sequence[str]
) -> tuple[dict[str, tuple[BySeedAndText, BySeedAndText]], dict[str, str]]:
    """Each method's values in both runs, under operators that it used in neither; and why others have none."""
    found: dict[str, tuple[BySeedAndText, BySeedAndText]] = {}
    reasons: dict[str, str] = {}
    for label, pair in pairs.items():
        of_each = [operators_of(entry.records.values(), digest) for entry in pair]
        both = [each for each in of_each[0] if each in of_each[1]]
        made = paired(*(entry.scores(digest, texts, both) for entry in pair))
        if made.problem:
            reasons[label] = made.problem
        else:
            found[label] = made.before, made.after
    if found:
        whole = np.isfinite(np.stack([each for sides in found.values() for each in sides])).all(axis=(0, 1))
        if not whole.any():
            return {}, reasons | dict.fromkeys(found, "no text has a value for every method of both runs")
        found = {label: (one[:, whole], other[:, whole]) for label, (one, other) in found.items()}
    return found, reasons


def _judged(
    metric: Metric, sides: Mapping[str, tuple[BySeedAndText, BySeedAndText]], level: float, families: int
) -> Iterator[Change]:
    changed = {label: other - one for label, (one, other) in sides.items()}
    judged = simultaneous(changed, level=level)
    for label, (one, other) in sides.items():
        versus, effect = judged[label], standardised(changed[label])
        yield Change(
            method=label,
            metric=str(metric),
            before=float(one.mean()),
            after=float(other.mean()),
            difference=versus.difference,
            p=None if np.isnan(versus.p) else min(1.0, versus.p * families),
            verdict=verdict_of(versus, metric.higher_is_better),
            next_seed=holds_on_next_seed(changed[label]),
            effect=towards_better(effect, metric.higher_is_better),
        )


def _cells(entry: Entry) -> set[str]:
    return {record.cell for record in entry.records.values()}


def _whole(place: Place) -> str:
    setting = ", ".join(f"{name} {value}" for name, value in place.setting if value is not None)
    return f"{place} ({setting})"


def _nothing(
    before: str, after: str, lost: Sequence[str], new: Sequence[str], compared: Iterable[PlaceCompared]
) -> str:
    parts = [f"{before} and {after} have no number in common"]
    parts += [f"only in {before}: {'; '.join(lost)}"] if lost else []
    parts += [f"only in {after}: {'; '.join(new)}"] if new else []
    parts += [note for each in compared for note in each.notes]
    return ". ".join(parts)
