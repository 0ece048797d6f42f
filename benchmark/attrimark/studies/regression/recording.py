"""From a run to what is recorded of it, and which recorded lines a new run replaces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from attrimark_registry.attribution import Attribution, Record
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.names import nearest
from attrimark_registry.plugin import Metric, ModelMetric, Plugin, Strategy
from jaxtyping import Float

from attrimark.document.characters import better, printable
from attrimark.results.redaction import everything, only_known
from attrimark.results.scores import ScoreArray, home_of, scores
from attrimark.suite.matrix import Cell, written
from attrimark.suite.names import MODEL_ALONE
from attrimark.suite.suite import MOST_PRIMARY

from .recorded import (
    Explanations,
    Facts,
    Recorded,
    RecordedCell,
    RecordedMetric,
    Values,
    group_of,
    hashed,
    name_of,
    rounded,
)
from .score_array import score_array
from .tolerances import LIMITED_BY_MACHINE, is_equal, smallest_change, tolerance_of

KEPT = 1 / 3  # of a tolerance: what moved less stays as it was recorded

Bundles = Callable[[Record], Sequence[Attribution]]


def names_of(cells: Sequence[Cell]) -> dict[str, str]:
    """Each cell's name by its id: the parts of the suite, and the model by its role there.

    The role is the name of the model's plugin, without the path or revision that a retrained model changes; numbered
    where one dataset of the suite has several of that name.

    Raises:
        AttrimarkError: two cells would share a name.
    """
    models = _numbered(cells)
    names = {}
    for cell in cells:
        variant = cell.variant
        role = models[variant.dataset, variant.model]
        parts = [
            variant.dataset.written,
            role,
            written(variant.chain),
            *_settings(cell),
            cell.method.written if cell.method else MODEL_ALONE,
        ]
        names[cell.id] = name_of(" × ".join(map(printable, parts)), variant.seed, cell.replicate)
    if len(set(names.values())) < len(names):
        twice = next(name for name in names.values() if list(names.values()).count(name) > 1)
        raise AttrimarkError(f"two cells are named {twice}: put their matrices into separate suites")
    return names


def roles_of(cells: Sequence[Cell]) -> dict[str, str]:
    """What the suite calls each cell's parts (`as`), or their names without options, by the cell's id.

    Methods keep their options: two of one name are two methods, not two recipes.
    """
    models = _numbered(cells)
    found = {}
    for cell in cells:
        variant, method = cell.variant, cell.method
        chain = " → ".join(step.alias or step.name for step in variant.chain)
        parts = [
            variant.dataset.alias or variant.dataset.name,
            variant.model.alias or models[variant.dataset, variant.model],
            chain,
            *_settings(cell),
            method.alias or method.written if method else MODEL_ALONE,
            *([f"replicate {cell.replicate}"] if cell.replicate else []),
        ]
        found[cell.id] = " × ".join(map(printable, parts))
    return found


def _numbered(cells: Sequence[Cell]) -> Mapping[Any, str]:
    """The name of each dataset's model by its plugin; numbered where a dataset has several of that name."""
    models: dict[Any, list[Any]] = {}
    for cell in cells:
        of_dataset = models.setdefault((cell.variant.dataset, cell.variant.model.name), [])
        if cell.variant.model not in of_dataset:
            of_dataset.append(cell.variant.model)
    return {
        (dataset, model): f"{name} {place + 1}" if place else name
        for (dataset, name), group in models.items()
        for place, model in enumerate(group)
    }


def matching(names: Mapping[str, str], only: str | None) -> dict[str, str]:
    """The cells whose name matches the pattern."""
    return {cell: name for cell, name in names.items() if only is None or fnmatchcase(name, only)}


def narrowed(recorded: Recorded, only: str | None) -> Recorded:
    """Only the cells whose name matches the pattern."""
    cells = {name: cell for name, cell in recorded.cells.items() if only is None or fnmatchcase(name, only)}
    return replace(recorded, cells=cells)


def primary_of(cells: Sequence[Cell], asked: Sequence[str], earlier: Sequence[str] = ()) -> tuple[str, ...]:
    """The metrics that gate: those asked for, by name or as tables show them; else the headline of explanations.

    Args:
        earlier: those that were recorded; where nothing is asked for, they stay, as far as the suite still has them.

    Raises:
        AttrimarkError: a name is not in the suite, or they are too many.
    """
    known = {metric.written: metric for cell in cells for metric in cell.judgements.values()}
    if unknown := [name for name in asked if not any(each.goes_by(name) for each in known.values())]:
        there_are = ", ".join(known)
        raise AttrimarkError(f'no metric named "{unknown[0]}" (there are: {there_are}){nearest(unknown[0], known)}')
    if asked:
        chosen = [title for title, metric in known.items() if any(map(metric.goes_by, asked))]
    elif earlier:
        chosen = [title for title in known if title in earlier]
    else:
        chosen = [title for title, each in known.items() if _is_headline(each)]
    if idle := [title for title in chosen if not _judges(known[title])]:
        raise AttrimarkError(f"{idle[0]} describes, and neither more nor less of it is better: it cannot gate")
    if len(chosen) > MOST_PRIMARY:
        raise AttrimarkError(
            f"{len(chosen)} metrics would gate ({', '.join(chosen)}); with more than {MOST_PRIMARY}, a change worth "
            "knowing is lost among the comparisons: name the primary ones in the suite, or with --primary"
        )
    return tuple(chosen)


def taken(
    suite: str,
    cells: Sequence[Cell],
    names: Mapping[str, str],
    records: Mapping[str, Record],
    bundles: Bundles,
    *,
    primary: tuple[str, ...] = (),
    store_text: bool = True,
) -> Recorded:
    """What a run would be recorded as; cells without a record are left out.

    Args:
        names: of the cells to take.
        bundles: reads the attributions of a record that has some.
    """
    roles = roles_of(cells)
    found = {
        names[cell.id]: _cell(cell, records[cell.id], bundles, store_text, roles[cell.id])
        for cell in cells
        if cell.id in names and cell.id in records
    }
    machines = {machine_class(record.machine): dict(record.machine) for record in records.values() if record.machine}
    return Recorded(suite, primary, found, store_text, machines)


def machine_class(machine: Mapping[str, Any]) -> str:
    """What makes bytes comparable: the system, and the accelerator."""
    return f"{machine.get('system', 'unknown')}, {machine.get('accelerator') or 'cpu'}"


def means_by_group(recorded: Recorded) -> dict[str, dict[str, tuple[float, ...]]]:
    """For each group and metric the mean over texts of every seed that has values."""
    cells: dict[str, dict[str, list[str]]] = {}
    for name, cell in recorded.cells.items():
        for metric in cell.values:
            cells.setdefault(group_of(name), {}).setdefault(metric, []).append(name)
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for group, metrics in cells.items():
        for metric, names in metrics.items():
            table = score_array(recorded, names, metric).by_text
            known = [row[np.isfinite(row)] for row in table]
            if means := tuple(rounded(float(row.mean())) for row in known if len(row)):
                found.setdefault(group, {})[metric] = means
    return found


def troubles(run: Recorded) -> dict[str, str]:
    """Cells that are not fit to be recorded, by name, with the reason: what failed, or is not a finite number."""
    found = {}
    for name, cell in run.cells.items():
        if cell.facts.status not in ("ok", "unsupported"):
            found[name] = f"{cell.facts.status}: {cell.facts.why or 'no reason was given'}"
        for metric, told in cell.facts.metrics.items():
            if told.status not in ("ok", "unsupported"):
                found[name] = f"{metric} is {told.status}"
    return found


def renewed(
    before: Recorded | None, run: Recorded, reason: str, names: Collection[str], only: str | None = None
) -> tuple[Recorded, dict[str, str]]:
    """The recorded suite after a run, and the cells that changed, with what moved.

    A line is replaced where a number moved by more than a third of its tolerance, so that noise never makes a diff.
    Cells in trouble, or without a result yet, leave what was recorded of them. Cells that the suite does not know are
    dropped, unless `only` did not ask for them. Spreads over seeds that are `outdated` are dropped with what they
    were of.

    Args:
        names: of the suite's cells.
    """
    old = dict(before.cells) if before else {}
    unfit = troubles(run)
    cells, changed = {}, {}
    for name in sorted({*old, *run.cells}):
        asked = only is None or fnmatchcase(name, only)
        if asked and name not in names:
            changed[name] = "no longer in the suite"
        elif not asked or name in unfit or name not in run.cells:
            cells |= {name: old[name]} if name in old else {}
        else:
            moved = what_moved(old[name], run.cells[name]) if name in old else "new"
            new = run.cells[name]
            cells[name] = replace(new, facts=new.facts.model_copy(update={"because": reason})) if moved else old[name]
            changed |= {name: moved} if moved else {}
    machines = {**(before.machines if before else {}), **(run.machines if changed else {})}
    used = {cell.facts.machine for cell in cells.values()}
    machines = {name: each for name, each in machines.items() if name in used}
    kept = replace(run, cells=cells, machines=machines)
    return replace(kept, reseeds={**_still_true(before, kept), **run.reseeds}), changed


def outdated(before: Recorded, after: Recorded) -> dict[tuple[str, str], str]:
    """Recorded spreads over seeds, by group and metric, that are not of what is recorded now; with what changed.

    The means of reseeded models stand for new seeds of the networks, texts and plugins that they were made with only,
    and only for as long as these score alike.
    """
    found = {}
    for name in sorted({*before.cells} & {*after.cells}):
        group = group_of(name)
        for metric in before.reseeds.get(group, {}):
            changed = _changed_since(before.cells[name], after.cells[name], metric)
            if changed:
                found[group, metric] = changed
    return found


def _still_true(before: Recorded | None, after: Recorded) -> dict[str, dict[str, tuple[float, ...]]]:
    """The spreads that were recorded of cells that are still there, without those that are outdated."""
    if before is None:
        return {}
    gone, groups = outdated(before, after), {group_of(name) for name in after.cells}
    found = {
        group: {metric: means for metric, means in of.items() if (group, metric) not in gone}
        for group, of in before.reseeds.items()
        if group in groups
    }
    return {group: of for group, of in found.items() if of}


def _changed_since(old: RecordedCell, new: RecordedCell, metric: str) -> str | None:
    """What moved of all that a metric's mean over texts depends on beside the seed; None where nothing did."""
    for name in ("dataset", "weights", "method", "operator"):
        if getattr(old.facts, name) != getattr(new.facts, name):
            return name
    one, other = old.facts.metrics.get(metric), new.facts.metrics.get(metric)
    if one is None or other is None:
        return None if one == other else metric
    if (one.version, one.operators) != (other.version, other.operators):
        return f"{metric}'s {'operators' if one.version == other.version else 'version'}"
    if not one.texts or not other.texts:
        return None if one.texts == other.texts else metric
    before, after = _known(old, metric), _known(new, metric)
    return f"{metric}'s mean" if abs(after.mean() - before.mean()) >= smallest_change(before) else None


def is_as_recorded(before: Recorded | None, after: Recorded, changed: Mapping[str, str]) -> bool:
    """Whether there is nothing to write."""
    if before is None or changed:
        return False
    ruled = ("primary", "store_text", "reseeds")
    return all(getattr(before, name) == getattr(after, name) for name in ruled)


def what_moved(old: RecordedCell, new: RecordedCell) -> str | None:
    """The first thing that moved by more than a third of its tolerance; None where nothing did."""
    before, after = old.facts, new.facts
    for name in ("status", "dataset", "weights", "method", "operator", "texts", "why"):
        if getattr(before, name) != getattr(after, name):
            return name
    for name in sorted({*before.costs, *after.costs}):
        if name not in before.costs or name not in after.costs:
            return name
        if name in LIMITED_BY_MACHINE and before.machine != after.machine:
            continue
        allowed = KEPT * tolerance_of(name, after.machine) * before.costs[name]
        if abs(after.costs[name] - before.costs[name]) > allowed:
            return name
    for metric in sorted({*before.metrics, *after.metrics}):
        one, other = before.metrics.get(metric), after.metrics.get(metric)
        if one is None or other is None or one.model_copy(update={"median": other.median}) != other:
            return metric
        if metric in old.values and old.values[metric].texts != new.values[metric].texts:
            return metric
        if metric in old.values and not is_equal(old.values[metric].numbers, new.values[metric].numbers, KEPT):
            return metric
    return None


def is_seeded(chain: Sequence[Plugin]) -> bool:
    """Whether another training seed would give another model."""
    return any(isinstance(step, Strategy) and step.seeded for step in chain)


def _settings(cell: Cell) -> list[str]:
    """What a suite says beside its plugins, where it says something else than the default."""
    variant = cell.variant
    told = [] if variant.target == "predicted" else [f"target {variant.target}"]
    told += [] if variant.granularity == "word" else [variant.granularity]
    if cell.method is None:  # what follows is about explanations
        return told
    told += [] if cell.pooling == "sum" else [f"pooling {cell.pooling}"]
    told += ["each token"] if cell.each_token else []
    return told + ([f"operator {cell.operator}"] if cell.operator else [])


def _cell(cell: Cell, record: Record, bundles: Bundles, store_text: bool, role: str) -> RecordedCell:
    metrics, values, variant = {}, {}, cell.variant
    for digest, metric in cell.judgements.items():
        if digest in record.metric_status:
            status = record.metric_status[digest][0]
            told, numbers = _metric(metric, status, scores({(variant.seed, cell.replicate): record}, digest))
            metrics[metric.written] = told
            values |= {metric.written: numbers} if numbers else {}
    costs = {name: value for name, value in asdict(record.own).items() if name != "seconds"}
    facts = Facts(
        because="",
        costs={name: int(value or 0) for name, value in costs.items()},
        dataset=_digest(cell.variant.parts["dataset"]),
        machine=machine_class(record.machine),
        method=cell.method and cell.method.version,
        metrics=metrics,
        operator=record.specs.get("operator"),
        role=role,
        seeded=is_seeded(variant.chain),
        status=record.status,
        texts=len(cell.variant.examples) - len(record.left_out) if record.status == "ok" else 0,
        weights=_digest({name: cell.variant.parts[name] for name in ("training", "labels", "model", "chain", "seed")}),
        why=record.reason and (everything if store_text else only_known([cell]))(record.reason),
    )
    attributions = bundles(record) if record.bundle else ()
    home = home_of(record.specs["method"], facts.operator)
    return RecordedCell(facts, values, _explanations(attributions) if attributions else None, home)


def _judges(metric: Metric) -> bool:
    return metric.higher_is_better is not None


def _is_headline(metric: Metric) -> bool:
    return metric.headline and _judges(metric) and not isinstance(metric, ModelMetric)


def _metric(metric: Metric, status: str, array: ScoreArray) -> tuple[RecordedMetric, Values | None]:
    """A metric's entry in a cell's line, and its values."""
    operators = tuple(sorted(array.operators))
    rows = [array.operators.index(operator) for operator in operators]
    numbers = np.where(array.invalid, np.inf, array.values)[0].T[rows]
    known = array.by_text[np.isfinite(array.by_text)]
    told = RecordedMetric(
        version=metric.version,
        better=better(metric.higher_is_better),
        status="invalid" if array.invalid.any() else status,
        operators=operators,
        median=rounded(float(np.median(known))) if len(known) else None,
        texts=len(known),
    )
    return told, Values(tuple(map(hashed, array.texts)), numbers) if array.texts else None


def _known(cell: RecordedCell, metric: str) -> Float[np.ndarray, " texts"]:
    """The scores that there are."""
    scores = cell.scores(metric).by_text[0]
    return scores[np.isfinite(scores)]


def _explanations(attributions: Sequence[Attribution]) -> Explanations:
    own = [asdict(each.own) for each in attributions]
    names = sorted(name for name in own[0] if name != "seconds")
    spans = [(each.segment, each.start, each.end) for made in attributions for each in made.features]
    return Explanations(
        texts=tuple(hashed(each.example.id) for each in attributions),
        counts=np.array([len(each.features) for each in attributions], dtype=np.int32),
        scores=np.concatenate([each.scores for each in attributions]).astype(np.float32),
        spans=np.array(spans, dtype=np.int32).reshape(-1, 3),
        costs=np.array([[int(each[name] or 0) for name in names] for each in own], dtype=np.int64),
    )


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]
