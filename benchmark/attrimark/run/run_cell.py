"""One cell, run: its record and its attributions. The one place where a plugin's failure is caught."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from attrimark_registry.attribution import Attribution, Cause, Cost, Measure, Record, Status
from attrimark_registry.errors import AttrimarkError, InvalidNumbers, Unsupported
from attrimark_registry.memory import is_exhaustion
from attrimark_registry.plugin import Metric, ModelMetric, SubsetMetric

from attrimark.results.raw_outputs import RawOutputs
from attrimark.results.scores import is_control
from attrimark.run.raw_outputs import raw_outputs
from attrimark.suite.choices import Choices
from attrimark.suite.matrix import Cell, splits_of

from .attribute import Attributions, attribute
from .chance import DRAWS, MANY_DRAWS, expected, reordered
from .guard.guard import ChangedNetwork, complaint
from .machine import machine
from .measure import measure, measure_model
from .prepare import Prepared
from .sources import sources

log = logging.getLogger("attrimark.plugins")

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Attempt(Generic[Result]):
    """How a plugin's verb ended.

    Attributes:
        reason, cause: why, and of what kind, where it is not ok.
    """

    status: Status
    reason: str | None = None
    cause: Cause | None = None
    result: Result | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a cell left behind.

    Attributes:
        attributions: empty where it is not ok, or judges the model alone.
        outputs: what is kept for studies, by address, where it was wanted and could be had.
        spoiled: whether a plugin left the network or the process otherwise than it was: no other cell may be run here.
            Judgements that are wanted and have no status were not made.
    """

    record: Record
    attributions: tuple[Attribution, ...] = ()
    outputs: Mapping[str, RawOutputs] = field(default_factory=dict)
    spoiled: bool = False


def run_cell(
    cell: Cell,
    prepared: Prepared,
    known: Sequence[Attribution] | None = None,
    wanted: Collection[str] | None = None,
) -> Outcome:
    """Explain the texts (unless the attributions are known already) and judge the explanations.

    Args:
        wanted: hashes of the judgements to make, and of the raw outputs to keep; all of the cell's by default.
    """
    if cell.isolate:
        prepared.evaluator.forget()
    guard = prepared.guard  # before any plugin sees the network
    attributions, left_out, network = (), prepared.left_out, prepared.network
    if cell.method:
        made = attempt(lambda: _explained(cell, prepared, known))
        # what makes a warning of known attributions never sees the network
        if moved := guard.moved(weights=known is None):
            ended = changed(cell.method, moved, made.reason)
            return Outcome(unfinished(cell, ended, prepared.left_out, prepared.network), spoiled=True)
        if made.result is None:
            return Outcome(unfinished(cell, made, prepared.left_out, prepared.network))
        explanations, warning = made.result
        attributions, left_out = explanations.explained, explanations.left_out
        network = {**network, **({"warning": warning} if warning else {})}
    judged = _judged(cell, prepared, attributions, left_out, network, wanted)
    if judged.spoiled:
        return judged
    kept = {
        address: attempt(lambda choices=choices: _raw_outputs(prepared, cell, choices, attributions))
        for address, choices in cell.outputs.items()
        if wanted is None or address in wanted
    }
    ended = {address: (each.status, each.reason) for address, each in kept.items()}
    record = replace(judged.record, metric_status={**judged.record.metric_status, **ended})
    return replace(judged, record=record, outputs={place: each.result for place, each in kept.items() if each.result})


def changed(plugin: object, moved: Sequence[str], reason: str | None = None) -> Attempt[Any]:
    """What a plugin left otherwise than it was, and why it failed, if it did."""
    message = complaint(str(plugin), moved) + (f"; it failed, too: {reason}" if reason else "")
    log.warning("%s", message)
    return Attempt("failed", message, "changed-network")


def unfinished(
    cell: Cell,
    ended: Attempt[Any],
    left_out: Mapping[str, str] | None = None,
    network: Mapping[str, Any] | None = None,
) -> Record:
    """The record of a cell that has no numbers, with the reason."""
    return Record(
        cell=cell.id,
        specs=cell.specs,
        status=ended.status,
        reason=ended.reason,
        cause=ended.cause,
        left_out=left_out or {},
        machine=machine(),
        network=network or {},
        plugins=sources(cell.plugins),
    )


def attempt(verb: Callable[[], Result]) -> Attempt[Result]:
    """A plugin's verb, called; what it raises becomes a status, a reason and its cause."""
    try:
        return Attempt("ok", result=verb())
    except Unsupported as refusal:
        return Attempt("unsupported", str(refusal))
    except ChangedNetwork as error:
        log.warning("%s", error)
        return Attempt("failed", str(error), "changed-network")
    except InvalidNumbers as error:
        log.warning("%s", error)
        return Attempt("failed", str(error), "invalid")
    except AttrimarkError as error:  # a message that names its remedy: nobody needs to see where it came from
        log.warning("%s", error)
        return Attempt("failed", str(error), "environment")
    # a plugin is a stranger's code: its failure is recorded, and the matrix goes on
    except (Exception, SystemExit) as error:
        log.warning("%s", traceback.format_exc())
        return Attempt("failed", f"{type(error).__name__}: {error}", cause_of(error))


def cause_of(error: BaseException) -> Cause:
    """What kind of failure it is that a plugin raises."""
    return "oom" if is_exhaustion(error) else "exception"


def _explained(cell: Cell, prepared: Prepared, known: Sequence[Attribution] | None) -> tuple[Attributions, str | None]:
    """The texts explained, unless they are already, and what the method's diagnostics say of its scores there."""
    if known is None:
        made = _attribute(cell, prepared)
    else:
        explained = {each.example.id for each in known}
        refused = {row.example.id: "refused" for row in prepared.rows if row.example.id not in explained}
        made = Attributions(tuple(known), refused)
    return made, _warning(cell, made.explained)


def _attribute(cell: Cell, prepared: Prepared) -> Attributions:
    if cell.method is None:
        raise TypeError("the model alone has no attributions")
    return attribute(
        prepared, cell.method, cell.operator, cell.pooling, cell.suite_seed, cell.replicate, cell.each_token
    )


def _judged(
    cell: Cell,
    prepared: Prepared,
    attributions: Sequence[Attribution],
    left_out: Mapping[str, str],
    network: Mapping[str, Any],
    wanted: Collection[str] | None,
) -> Outcome:
    spoiled = False
    statuses: dict[str, tuple[Status, str | None]] = {}
    measures: list[Measure] = []
    for digest, metric in cell.judgements.items():
        if wanted is None or digest in wanted:
            if digest in cell.refusals:
                statuses[digest] = "unsupported", cell.refusals[digest]
                continue
            judged = attempt(lambda metric=metric: _measure(cell, prepared, metric, attributions))
            if moved := prepared.guard.moved(weights=isinstance(metric, ModelMetric)):
                judged, spoiled = changed(metric, moved, judged.reason), True
            statuses[digest] = judged.status, judged.reason
            measures += [replace(value, metric=digest) for value in judged.result or []]
            if spoiled:
                break
    operator = attributions[0].operator if attributions else cell.operator
    record = Record(
        cell=cell.id,
        specs={**cell.specs, "operator": operator},
        status="ok",
        own=sum((each.own for each in attributions), Cost()),
        actual=sum((each.actual for each in attributions), Cost()),
        left_out=left_out,
        machine=machine(),
        network=network,
        plugins=sources(cell.plugins),
        measures=tuple(measures),
        metric_status=statuses,
    )
    return Outcome(record, tuple(attributions), spoiled=spoiled)


def _warning(cell: Cell, attributions: Sequence[Attribution]) -> str | None:
    if cell.method is None or not attributions:
        return None
    names = set.intersection(*(set(each.diagnostics) for each in attributions))
    means = {name: sum(each.diagnostics[name] for each in attributions) / len(attributions) for name in names}
    warning = cell.method.warning(means)
    if not isinstance(warning, str | None):
        raise TypeError(f"{cell.method}.warning returned {type(warning).__name__} where a note or None is due")
    return warning


def _raw_outputs(prepared: Prepared, cell: Cell, choices: Choices, attributions: Sequence[Attribution]) -> RawOutputs:
    """Of a control there are several rows of each text, one for each order."""
    control = is_control(cell.method and cell.method.name)
    drawn = reordered(attributions, cell.suite_seed, DRAWS) if control else attributions
    return raw_outputs(prepared, cell, choices, drawn)


def _measure(cell: Cell, prepared: Prepared, metric: Metric, attributions: Sequence[Attribution]) -> list[Measure]:
    if isinstance(metric, ModelMetric):
        return measure_model(prepared, metric, splits_of(cell.variant.dataset))
    if not is_control(cell.method and cell.method.name):
        return measure(prepared, metric, attributions, cell.operators, cell.suite_seed)
    draws = DRAWS if isinstance(metric, SubsetMetric) else MANY_DRAWS
    drawn = reordered(attributions, cell.suite_seed, draws)
    return expected(measure(prepared, metric, drawn, cell.operators, cell.suite_seed, orders=0))
