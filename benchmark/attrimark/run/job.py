"""A variant's work as plain data, so that it can travel to another process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from attrimark_registry.catalog import Catalog
from attrimark_registry.plugin import Method, Metric, Plugin

from attrimark.suite.choices import Choices
from attrimark.suite.matrix import Cell, Variant

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """One cell to run: `wanted` metrics of it, on attributions that may be stored already."""

    cell: Cell
    wanted: tuple[str, ...]
    bundle: str | None = None  # sha256 of the stored attributions
    stored: bool = False  # the cell's record is there: what is wanted is added to it


@dataclass(frozen=True)
class Job:
    """A variant's tasks, and the seeds that its siblings train with."""

    variant: Variant
    seeds: tuple[int, ...]
    tasks: tuple[Task, ...]
    weights: str | None = None  # the hash of those that stored results were computed from, where a recipe makes them


def to_json(job: Job) -> str:
    """One line of JSON."""
    variant = job.variant
    return json.dumps(
        {
            "variant": {
                "dataset": _spec(variant.dataset),
                "model": _spec(variant.model),
                "chain": [_spec(step) for step in variant.chain],
                **{name: getattr(variant, name) for name in ("seed", "granularity", "target", "explain", "train")},
            },
            "seeds": job.seeds,
            "weights": job.weights,
            "tasks": [_task(task) for task in job.tasks],
        }
    )


def from_json(line: str, catalog: Catalog) -> Job:
    """The job again, its plugins made anew."""
    data = json.loads(line)
    parts = data["variant"]
    variant = Variant(
        **{
            **parts,
            "dataset": _plugin(parts["dataset"], catalog),
            "model": _plugin(parts["model"], catalog),
            "chain": tuple(_plugin(step, catalog) for step in parts["chain"]),
        }
    )
    tasks = tuple(_task_of(task, variant, catalog) for task in data["tasks"])
    return Job(variant, tuple(data["seeds"]), tasks, data["weights"])


def _task(task: Task) -> Spec:
    cell = task.cell
    plain = ("suite_seed", "replicate", "operator", "operators", "pooling", "isolate", "each_token")
    return {
        "cell": {
            **{name: getattr(cell, name) for name in plain},
            "method": cell.method and _spec(cell.method),
            "metrics": [_spec(metric) for metric in cell.metrics],
            "captures": [asdict(choices) for choices in cell.captures],
        },
        "wanted": task.wanted,
        "bundle": task.bundle,
        "stored": task.stored,
    }


def _task_of(data: Spec, variant: Variant, catalog: Catalog) -> Task:
    parts = data["cell"]
    cell = Cell(
        **{
            **parts,
            "variant": variant,
            "operators": parts["operators"] and tuple(parts["operators"]),
            "method": parts["method"] and cast(Method, _plugin(parts["method"], catalog)),
            "metrics": cast(Sequence[Metric], tuple(_plugin(metric, catalog) for metric in parts["metrics"])),
            "captures": tuple(map(Choices.of, parts["captures"])),
        }
    )
    return Task(cell, tuple(data["wanted"]), data["bundle"], data["stored"])


def _spec(plugin: Plugin) -> Spec:
    options = plugin.model_dump(mode="json")
    return {"kind": plugin.kind, "name": plugin.name, "options": options, "as": plugin.alias}


def _plugin(spec: Spec, catalog: Catalog) -> Any:
    plugin = catalog.find(spec["kind"], spec["name"]).model_validate_json(json.dumps(spec["options"]))
    return plugin.called(spec["as"])
