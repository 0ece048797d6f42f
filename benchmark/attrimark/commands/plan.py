"""`attrimark plan`: the cells of a suite, what cannot run and why, and what the rest will cost."""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import options


@click.command()
@options.suite
@options.config
@options.store
@options.as_json
def command(suite: str, config: Path, store: Path, as_json: bool) -> None:
    """Print the cells of SUITE without running them: status, reason, estimated passes and tokens."""
    from attrimark_registry.catalog import load_catalog
    from tabulate import tabulate

    from attrimark.config import read_suite
    from attrimark.estimate import Estimate, estimate
    from attrimark.matrix import cells_of
    from attrimark.store import Store

    cells = cells_of(read_suite(config, suite, load_catalog()))
    records = {}
    if store.exists():
        with Store(store) as opened:
            records = opened.records(cell.id for cell in cells)
    rows = []
    for cell in cells:
        record = records.get(cell.id)
        expected = estimate(cell)
        rows.append(
            {
                "variant": str(cell.variant),
                "method": str(cell.method or "(the model alone)"),
                "replicate": cell.replicate,
                "status": record.status if record else "unsupported" if cell.problem else "to run",
                "reason": (record.reason if record else cell.problem) or "",
                "passes": expected.passes,
                "tokens": expected.tokens,
                "cell": cell.id[:12],
            }
        )
    left = [row for row in rows if row["status"] in ("to run", "failed")]
    total = sum((Estimate(row["passes"], row["tokens"]) for row in left), Estimate())
    if as_json:
        summary = {"cells": rows, "to_run": len(left), "passes": total.passes, "tokens": total.tokens}
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    for variant in dict.fromkeys(row["variant"] for row in rows):
        click.echo(variant)
        shown = [
            {name: row[name] for name in ("method", "status", "passes", "tokens", "reason")}
            for row in rows
            if row["variant"] == variant
        ]
        click.echo(tabulate(shown, headers="keys", tablefmt="plain", intfmt=","))
        click.echo()
    click.echo(
        f"{len(rows)} cells, {len(left)} to run: about {total.passes:,} passes of {total.tokens:,} tokens "
        "(upper bounds: what methods and metrics share is computed once; prompts are not counted)."
    )
