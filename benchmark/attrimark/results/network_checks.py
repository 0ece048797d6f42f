"""What self-checks found, in words: for `explain --check`, `plan` and the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrimark_registry.attribution import Record
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.plugin import SubsetMethod, SubsetMetric
from attrimark_registry.self_check import self_check

from attrimark.suite.matrix import Cell, Variant, splits_of

SHARING = {
    "padded": "rows are padded to the longest",
    "equal lengths": "rows of equal length share a forward, none is padded",
    "alone": "one row a forward",
}
EMBEDDINGS = {"argument": "as an argument", "table": "in place of what the table of embeddings returns"}


def in_words(check: Mapping[str, Any]) -> Iterator[str]:
    """A line for how the network is called, then what was compared, what is refused and what to know."""
    handling = check["handling"]
    yield f"called: {called(handling)}"
    if handling["reads"]:
        yield f"the head reads: {handling['reads']}"
    for what, difference in check["differences"].items():
        told = "refused by the network" if difference is None else f"{difference:.1e} of the largest output"
        yield f"{what}, against the plain call: {told}"
    for need, reason in handling["refused"].items():
        yield f"unsupported: {need}: {reason}"
    yield from (f"note: {remark}" for remark in check["remarks"] if remark not in handling["refused"].values())
    yield f"forwards: {check['forwards']}"


def called(handling: Mapping[str, Any]) -> str:
    """How a network is called, in a phrase."""
    sharing = SHARING[handling["sharing"]] + (" on the left" if handling["left"] else "")
    positions = "explicit positions" if handling["positions"] else "the network's own positions"
    return f"{sharing}; {positions}; word embeddings {EMBEDDINGS[handling['embeddings']]}"


def largest_difference(check: Mapping[str, Any]) -> float | None:
    """The largest difference from the plain call among the ways in which the network is called."""
    handling = check["handling"]
    way = {"padded": "padded on the left" if handling["left"] else "padded"}.get(handling["sharing"])
    names = ("with rows of equal length", "with one row at a time", "with one row at a time and without positions")
    used = check["differences"].get(way or "")
    others = [check["differences"][name] for name in names if check["differences"].get(name) is not None]
    return used if way else min(others, default=None)


def refusal(cell: Cell, check: Mapping[str, Any]) -> str | None:
    """Why a cell cannot run on a network of which this was found; None where it can."""
    if cell.method is None:
        return None
    removes = (cell.operator,) if cell.operator and isinstance(cell.method, SubsetMethod) else ()
    refused = check["handling"]["refused"]
    return next((refused[need] for need in (*sorted(cell.method.needs), *removes) if need in refused), None)


def metric_refusals(cell: Cell, check: Mapping[str, Any]) -> dict[str, str]:
    """Why metrics of a cell cannot be computed there, by their content hash."""
    refused = check["handling"]["refused"]
    reason = next((refused[each] for each in cell.operators or () if each in refused), None)
    metrics = cell.judgements.items()
    return {digest: reason for digest, metric in metrics if reason and isinstance(metric, SubsetMetric)}


def tried(variant: Variant) -> tuple[Mapping[str, Any] | None, str | None]:
    """The check of a network that loads at once and goes through no further step, else None; and why it cannot run."""
    if variant.chain or not variant.model.loads_at_once():
        return None, None
    try:
        model = variant.model.load(splits_of(variant.dataset).labels, "cpu")
        return self_check(model, variant.examples).plain, None
    except AttrimarkError as error:
        return None, str(error)


def checks_of(records: Iterable[Record]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The check of each model and chain that has one, in the records' order."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for record in records:
        if "check" in record.network:
            found[str(record.specs["model"]), str(record.specs["chain"])] = record.network["check"]
    return found
