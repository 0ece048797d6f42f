"""How it was run: the suite as written, versions, machines, fingerprints, every cell, and what computes it again."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from typing import Any

from attrimark.document.characters import printable
from attrimark.document.grid import Grid
from attrimark.document.section import Listing, Section
from attrimark.results.network_checks import called, checks_of, largest_difference
from attrimark.results.results import Results
from attrimark.suite.matrix import Variant
from attrimark.suite.names import MODEL_ALONE, cell_name
from attrimark.suite.reading.suite_text import suite_text

from .reproduce import NAME, Part, parts

SHORT = 12  # characters of a cell's id, as `attrimark plan` prints them


def provenance(results: Results) -> Section:
    """All of it is folded but the command."""
    suite = results.suite
    file = suite.file.name if suite.file else "benchmarks.toml"
    written = suite_text(suite.file, suite.name) if suite.file else ""
    command = f"attrimark run {shlex.quote(suite.name)} --config {shlex.quote(file)}"
    variants = list(dict.fromkeys(cell.variant for cell in results.cells))
    made = list(parts(results.suite))
    return Section(
        sentences=(
            "Run the suite again, in an empty folder, to compute every cell anew. What is stored is never run twice.",
        ),
        listings=(Listing("The command", f"{command} --store fresh"),),
        sections=(
            Section("The suite, as it is written", listings=(Listing(file, written),), folded=True),
            Section("Machines and versions", grids=(_machines(results),), folded=True),
            Section("Networks", grids=(_networks(results),), folded=True),
            Section("Data and weights", grids=(_fingerprints(variants),), folded=True),
            Section("Cells", grids=(_cells(results, made),), folded=True, filtered=True),
            Section(
                "One part at a time",
                sentences=(
                    "Each of these files computes the cells of one variant and method, with the ids above, and nothing "
                    f"else: save it as {NAME}.toml, then `attrimark run {NAME} --config {NAME}.toml --store fresh`.",
                ),
                listings=tuple(Listing(_name(part), part.toml) for part in made if part.method is not None),
                folded=True,
            ),
        ),
    )


def _machines(results: Results) -> Grid:
    """One row for each machine and set of versions that cells were computed with."""
    found = Counter(json.dumps(dict(record.machine)) for record in results.records.values())
    flat = [(_flat(json.loads(written)), times) for written, times in found.most_common()]
    names = list(dict.fromkeys(name for each, _ in flat for name in each))
    rows = [[str(times), *(printable(each.get(name, "–")) for name in names)] for each, times in flat]
    return Grid("", ["cells", *names], rows)


def _networks(results: Results) -> Grid:
    """How each network is called, what its self-check found, and what is unsupported."""
    rows = []
    for (model, chain), check in checks_of(results.records.values()).items():
        difference = largest_difference(check)
        refused = check["handling"]["refused"]
        notes = [*(f"{need}: {reason}" for need, reason in refused.items())]
        notes += [remark for remark in check["remarks"] if remark not in refused.values()]
        rows.append(
            [
                printable(model),
                printable(chain),
                called(check["handling"]),
                check["handling"]["reads"] or "–",
                "–" if difference is None else f"{difference:.1e}",
                printable("; ".join(notes)) or "–",
            ]
        )
    return Grid("", ["model", "chain", "called with", "head reads", "from the plain call", "unsupported, notes"], rows)


def _flat(machine: Mapping[str, Any]) -> dict[str, str]:
    versions = machine.get("versions") or {}
    own = {name: value for name, value in machine.items() if name != "versions"}
    return {name: "–" if value is None else str(value) for name, value in {**own, **versions}.items()}


def _fingerprints(variants: list[Variant]) -> Grid:
    rows = {}
    for variant in variants:
        parts = variant.parts
        row = (
            str(variant.dataset),
            str(variant.model),
            str(len(variant.examples)),
            parts["dataset"]["texts"],
            str(len(variant.training)),
            parts["training"] if variant.training else "–",
            parts["model"]["weights"],
        )
        rows[row] = [printable(cell) for cell in row]
    header = ["dataset", "model", "texts", "sha256 of the texts", "trained on", "sha256 of these", "weights"]
    return Grid("", header, list(rows.values()))


def _cells(results: Results, made: list[Part]) -> Grid:
    """One row for each variant, method and outcome, with its seeds and their cells' ids."""
    rows = []
    for part in made:
        groups: dict[tuple[str, str], list[str]] = {}
        for cell in part.cells:
            record = results.records.get(cell.id)
            outcome = (record.status, record.reason or "") if record else ("missing", cell.problem or "not run yet")
            replicate = f" replicate {cell.replicate}" if cell.replicate else ""
            groups.setdefault(outcome, []).append(f"seed {cell.variant.seed}{replicate}: {cell.id[:SHORT]}")
        for (status, reason), ids in groups.items():
            told = [part.variant.place, str(part.method or MODEL_ALONE), status, reason, ", ".join(ids)]
            rows.append([printable(each) for each in told])
    return Grid("", ["variant", "method", "status", "reason", "cells"], rows)


def _name(part: Part) -> str:
    return printable(cell_name(part.variant.place, method=part.method or MODEL_ALONE))
