"""From records to arrays: one entry a method, its values by seed, text and removal operator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, Literal

from attrimark_registry.attribution import Cost, Record
from attrimark_registry.errors import AttrimarkError

from attrimark.suite.names import cell_name

from .packed import rows_of
from .scores import CONTROL, ScoreArray, home_of, is_control, scores, texts_of

_WITHIN = ("seed", "method", "operator", "replicate")  # specs that vary within a board
_NAMED = ("dataset", "model", "chain")
_OF_EXPLANATIONS = ("pooling", "each token")  # a record of the model alone has those of whichever suite made it first


RowStatus = Literal["ok", "unsupported", "failed", "missing"]


@dataclass(frozen=True)
class Place:
    """What the records of one board share."""

    dataset: str
    model: str
    chain: str
    setting: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        return cell_name(self.dataset, self.model, self.chain)


def by_place(records: Iterable[Record]) -> dict[Place, list[Record]]:
    """Records by dataset × model × chain and the setting, in their order.

    Those of the model alone follow the explanations of it, at each place that has some.
    """
    found: dict[Place, list[Record]] = {}
    alone = []
    for record in records:
        if record.specs["method"] is None:
            alone.append(record)
        else:
            found.setdefault(_place(record), []).append(record)
    for record in alone:
        own = _place(record)
        for place in [each for each in found if _of_model(each) == _of_model(own)] or [own]:
            found.setdefault(place, []).append(record)
    return found


def _place(record: Record) -> Place:
    specs = record.specs
    rest = sorted(pair for pair in specs.items() if pair[0] not in (*_NAMED, *_WITHIN))
    return Place(specs["dataset"], specs["model"], specs["chain"], tuple(rest))


def _of_model(place: Place) -> Place:
    """The place without what says nothing of the model alone."""
    return replace(place, setting=tuple(pair for pair in place.setting if pair[0] not in _OF_EXPLANATIONS))


def variant_name(model: str, chain: str, setting: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """A variant's name within its dataset, with the settings that are not the same in all."""
    varies = [name for name, value in setting.items() if any(other.get(name) != value for other in others)]
    settings = (f"{name} {setting[name]}" for name in varies if setting[name] is not None)
    return " · ".join((cell_name(model, chain), *settings))


@dataclass(frozen=True)
class Spend:
    """Mean own cost of one explanation; the peak is of the longest text, and None where no record tells it."""

    seconds: float
    forwards: float
    backwards: float
    tokens: float
    gflops: float
    peak_megabytes: float | None

    @property
    def passes(self) -> float:
        """Through the network, one way and the other."""
        return self.forwards + self.backwards


@dataclass(frozen=True, eq=False)
class Entry:
    """The records of one method on the board's seeds.

    Attributes:
        label: the method; with its operator behind where it was run with several.
        records: by seed and replicate.
    """

    label: str
    method: str
    operator: str | None
    records: Mapping[tuple[Any, Any], Record]
    seeds: tuple[Any, ...]

    @property
    def is_control(self) -> bool:
        return is_control(self.method)

    @property
    def home(self) -> frozenset[str]:
        """The operators that it uses itself."""
        return home_of(self.method, self.operator)

    @property
    def replicates(self) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(replicate for _, replicate in self.records))

    @cached_property
    def status(self) -> tuple[RowStatus, str | None]:
        """How its cells ended: one that is not ok is enough, for averages would not be paired."""
        ended = [record for record in self.records.values() if record.status != "ok"]
        if ended:
            worst = next((record for record in ended if record.status == "failed"), ended[0])
            some = f"{len(ended)} of {len(self.records)} cells: " if len(ended) < len(self.records) else ""
            return worst.status, some + (worst.reason or "no reason was recorded")
        absent = [pair for pair in product(self.seeds, self.replicates) if pair not in self.records]
        if absent:
            seeds = ", ".join(dict.fromkeys(str(seed) for seed, _ in absent))
            return "missing", f"no result yet for seed {seeds}"
        return "ok", None

    @cached_property
    def explained(self) -> set[str] | None:
        """The texts that every cell has measures of; None where nothing was measured."""
        sets = [set(texts_of([record])) for record in self.records.values()]
        known = [texts for texts in sets if texts]
        return set.intersection(*known) if known else None

    @property
    def spend(self) -> Spend | None:
        """Own cost over explanations: records hold sums over the texts that were explained."""
        count = sum(len(texts_of([record])) for record in self.records.values())
        if count == 0:
            return None
        total = sum((record.own for record in self.records.values()), Cost())
        return Spend(
            seconds=total.seconds / count,
            forwards=total.forwards / count,
            backwards=total.backwards / count,
            tokens=total.tokens / count,
            gflops=total.flops / count / 1e9,
            peak_megabytes=None if total.peak is None else total.peak / 1e6,
        )

    def knows(self, digest: str) -> bool:
        """Whether the metric judged it, or said why not."""
        return any(
            digest in record.metric_status or any(row.metric == digest for row in rows_of(record.measures))
            for record in self.records.values()
        )

    def scores(
        self, digest: str, texts: Sequence[str], operators: Sequence[str], diagnostic: str | None = None
    ) -> ScoreArray:
        """What it scores by a metric.

        Args:
            diagnostic: take the diagnostic of that name in place of the value.
        """
        return scores(self.records, digest, seeds=self.seeds, texts=texts, operators=operators, diagnostic=diagnostic)


def seeds_of(records: Iterable[Record]) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """The seeds that any method explained, and what became of the others: their training failed, say."""
    reasons: dict[Any, str | None] = {}
    explained = set()
    for record in records:
        reasons.setdefault(record.specs["seed"], record.reason)
        if record.status == "ok":
            explained.add(record.specs["seed"])
    ordered = sorted(reasons, key=lambda seed: (seed is None, seed))
    if not explained:
        return tuple(ordered), ()
    notes = tuple(f"seed {seed} left out: {reasons[seed]}" for seed in ordered if seed not in explained)
    return tuple(seed for seed in ordered if seed in explained), notes


def entries_of(records: Iterable[Record], seeds: tuple[Any, ...]) -> list[Entry]:
    """One for each method; one for each of its operators where it was run with several.

    Raises:
        AttrimarkError: two records cannot be told apart by their specs.
    """
    methods: dict[str, list[Record]] = {}
    for record in records:
        if record.specs["seed"] in seeds:
            methods.setdefault(record.specs["method"], []).append(record)
    entries = []
    for method, group in methods.items():
        # a cell that did not run may not know yet which operator would have been its default
        operators = list(dict.fromkeys(each.specs["operator"] for each in group if each.status == "ok"))
        for operator in operators or [group[0].specs["operator"]]:
            name = CONTROL if is_control(method) else method
            label = f"{name} [{operator}]" if len(operators) > 1 else name
            own = [each for each in group if each.status != "ok" or each.specs["operator"] == operator]
            entries.append(Entry(label, method, operator, _by_seed_and_replicate(label, own), seeds))
    return entries


def shared_texts(entries: Sequence[Entry]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The texts that every method explained, and why the others are left out."""
    seen: dict[str, dict[str, str]] = {}
    for entry in entries:
        for record in entry.records.values():
            for text in texts_of([record]):
                seen.setdefault(text, {})
            for example, reason in record.left_out.items():
                seen.setdefault(example, {})[entry.label] = reason
    known = {entry.label: entry.explained for entry in entries if entry.explained is not None}
    left_out = {}
    for example, reasons in seen.items():
        missing = [label for label, explained in known.items() if example not in explained]
        if missing or reasons:
            label = next(iter(reasons), missing[0] if missing else "")
            shared = len(reasons) == len(entries)
            reason = reasons.get(label, "not measured")
            left_out[example] = reason if shared else f"{label}: {reason}"
    return tuple(example for example in seen if example not in left_out), left_out


def _by_seed_and_replicate(label: str, records: Iterable[Record]) -> dict[tuple[Any, Any], Record]:
    found: dict[tuple[Any, Any], Record] = {}
    for record in records:
        pair = record.specs["seed"], record.specs["replicate"]
        if found.setdefault(pair, record) is not record:
            raise AttrimarkError(
                f"two results of {label} for seed {pair[0]} would share a line of a table: "
                "put their matrices into separate suites"
            )
    return found
