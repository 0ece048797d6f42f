"""The hooks: a plugin module returns lists, and nothing happens because it was imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from .attribution import Record
    from .plugin import Dataset, Method, Metric, ModelSource, Quantizer, Strategy

hookspec = pluggy.HookspecMarker("attrimark")
hookimpl = pluggy.HookimplMarker("attrimark")


@hookspec
def register_datasets() -> list[type[Dataset]]:
    """Labelled texts to explain."""
    return []


@hookspec
def register_models() -> list[type[ModelSource]]:
    """Where networks come from."""
    return []


@hookspec
def register_strategies() -> list[type[Strategy]]:
    """Ways to fine-tune."""
    return []


@hookspec
def register_quantizers() -> list[type[Quantizer]]:
    """Ways to store a network in fewer bits."""
    return []


@hookspec
def register_methods() -> list[type[Method]]:
    """Feature attribution methods."""
    return []


@hookspec
def register_metrics() -> list[type[Metric]]:
    """Judgements of explanations."""
    return []


@hookspec
def register_studies() -> list[Any]:
    """Questions that are asked of stored results (`attrimark.studies.study.Study`), each with its command."""
    return []


@hookspec
def register_renderers() -> list[Any]:
    """Formats that documents are written in (`attrimark.document.render.Renderer`)."""
    return []


@hookspec
def register_commands() -> list[Any]:
    """Commands of `attrimark`, as click's."""
    return []


@hookspec
def run_started(suite: str, cells: int, pending: int) -> None:
    """A run begins: so many cells in the suite, so many of them still to compute."""


@hookspec
def work_advanced(variant: str, stage: str, done: int, total: int) -> None:
    """A worker got on: `done` of `total` steps of a variant, now at `stage`."""


@hookspec
def cell_finished(record: Record) -> None:
    """A cell's outcome has been stored."""


@hookspec
def run_finished(suite: str, summary: dict[str, Any]) -> None:
    """A run ended, in whatever way; `summary` counts cells by status."""
