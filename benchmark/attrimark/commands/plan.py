"""`attrimark plan`: the cells of a suite, what cannot run and why, what the rest will cost, and what it could see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options, recorded_options
from .saying import say, say_json

if TYPE_CHECKING:
    from attrimark_registry.attribution import Record

    from attrimark.studies.regression.power import Needed
    from attrimark.suite.matrix import Cell, Variant
    from attrimark.suite.suite import Suite


@click.command()
@options.suite
@options.config
@options.store
@click.option(
    "--detect", type=click.FloatRange(min=0, min_open=True), metavar="DROP",
    help="How many texts `attrimark regress` needs to see each primary metric drop by so much.",
)  # fmt: skip
@recorded_options.recorded
@options.as_json
def command(suite: str, config: Path, store: Path, detect: float | None, recorded: Path, as_json: bool) -> None:
    """Print the cells of SUITE without running them: status, reason, estimated passes and tokens.

    With --detect, also the texts that a comparison needs; how much values vary over texts is taken from the recorded
    file or from stored results.
    """
    from attrimark_registry.catalog import load_catalog
    from attrimark_registry.self_check import MOST_FORWARDS
    from tabulate import tabulate

    from attrimark.results.network_checks import checks_of, metric_refusals, refusal, tried
    from attrimark.results.results import shown
    from attrimark.results.store import Store
    from attrimark.run.estimate import Estimate, estimate
    from attrimark.suite.matrix import cells_of
    from attrimark.suite.names import MODEL_ALONE
    from attrimark.suite.reading.suites import read_suite

    catalog = load_catalog()
    chosen = read_suite(config, suite, catalog)
    cells = cells_of(chosen)
    records = {}
    if Store.is_at(store):
        with Store.existing(store, chosen) as opened:
            records = shown(opened.records(cell.id for cell in cells), cells)
    # methods and metrics say what they would ask, and may say texts on the way
    with ExitStack() as stack:
        for redirect in () if chosen.store_text else (redirect_stdout, redirect_stderr):
            stack.enter_context(redirect(StringIO()))
        costs = [estimate(cell) for cell in cells]
    checks: dict[tuple[str, str], Mapping[str, Any]] = dict(checks_of(records.values()))
    failing: dict[str, str] = {}
    for variant in dict.fromkeys(cell.variant for cell in cells):
        key = str(variant.model), variant.chain_name
        if key not in checks and str(variant.model) not in failing:
            check, reason = tried(variant)
            checks |= {key: check} if check else {}
            failing |= {str(variant.model): reason} if reason else {}
    rows = []
    for cell, expected in zip(cells, costs, strict=True):
        record = records.get(cell.id)
        check = checks.get((str(cell.variant.model), cell.variant.chain_name), {"handling": {"refused": {}}})
        problem = cell.problem or refusal(cell, check)
        refusals = {} if problem else {**metric_refusals(cell, check), **cell.refusals}
        refused = {str(cell.judgements[each]): why for each, why in refusals.items()}
        fails = failing.get(str(cell.variant.model))
        status = "unsupported" if problem else "will fail" if fails else "to run"
        rows.append(
            {
                "variant": str(cell.variant),
                "method": str(cell.method or MODEL_ALONE),
                "replicate": cell.replicate,
                "status": record.status if record else status,
                "reason": (record.reason if record else problem or fails) or "",
                "refused": refused,
                "passes": expected.passes,
                "tokens": expected.tokens,
                "cell": cell.id[:12],
            }
        )
    left = [row for row in rows if row["status"] in ("to run", "failed", "will fail")]
    checked = dict.fromkeys((str(cell.variant.model), cell.variant.chain_name) for cell in cells)
    total = sum((Estimate(row["passes"], row["tokens"]) for row in left), Estimate())
    seen = _needed(detect, chosen, cells, records, recorded, store) if detect else []
    if as_json:
        summary: dict[str, Any] = {
            **{key: value for study in catalog.studies for key, value in study.plan_data(chosen).items()},
            "cells": rows,
            "checks": [
                {"model": model, "chain": chain, "check": checks.get((model, chain)), "forwards": MOST_FORWARDS}
                for model, chain in checked
            ],
            "to_run": len(left),
            "passes": total.passes,
            "tokens": total.tokens,
        }
        if detect:
            summary["detect"] = {"drop": detect, "metrics": [asdict(each) for each in seen]}
        say_json(summary)
        return
    names = {str(cell.variant): (str(cell.variant.model), cell.variant.chain_name) for cell in cells}
    texts = {str(cell.variant): texts_of(cell.variant) for cell in cells}
    for line in (line for study in catalog.studies for line in study.plan(chosen)):
        say(line)
    for variant in dict.fromkeys(row["variant"] for row in rows):
        say(variant)
        say(texts[variant])
        say(_checked(checks.get(names[variant])))
        mine = [row for row in rows if row["variant"] == variant]
        shown = [{name: row[name] for name in ("method", "status", "passes", "tokens", "reason")} for row in mine]
        say(tabulate(shown, headers="keys", tablefmt="plain", intfmt=","))
        for row in mine:
            for reason, metrics in _by_reason(row["refused"]).items():
                say(f"{row['method']}: unsupported {', '.join(metrics)}: {reason}")
        say()
    say(
        f"{len(rows)} cells, {len(left)} to run: about {total.passes:,} passes of {total.tokens:,} tokens "
        "(upper bounds: what methods and metrics share is computed once; prompts are not counted)."
    )
    if detect:
        say()
        say("\n".join(_told(detect, seen, chosen)))


def _checked(check: Mapping[str, Any] | None) -> str:
    """What is known of a variant's network, or what finding out will take."""
    from attrimark_registry.self_check import MOST_FORWARDS

    from attrimark.results.network_checks import called

    if check is None:
        return f"its network is tried first, by at most {MOST_FORWARDS} forwards, once for all seeds"
    return f"its network was tried: {called(check['handling'])}"


def _by_reason(refused: Mapping[str, str]) -> dict[str, list[str]]:
    """Metrics that are refused for the same reason, together."""
    found: dict[str, list[str]] = {}
    for metric, reason in refused.items():
        found.setdefault(reason, []).append(metric)
    return found


def texts_of(variant: Variant) -> str:
    """How many texts are explained and trained on; where too few are there to explain, also how many are spared."""
    from attrimark.suite.matrix import splits_of

    splits = splits_of(variant.dataset)
    told = f"explains {len(variant.examples):,} of {len(splits.test):,} texts for testing"
    if variant.trains:
        return f"{told}, trains on {len(variant.training):,}"
    spared = len(splits.train) + len(splits.validation)
    if spared and len(splits.test) < variant.explain:
        return f"{told}; {spared:,} more are for training, and nothing is trained"
    return told


def _needed(
    drop: float,
    suite: Suite,
    cells: Sequence[Cell],
    records: Mapping[str, Record],
    path: Path,
    store: Path,
) -> list[Needed]:
    """What each primary metric needs, by what is recorded, else stored, else assumed."""
    from attrimark.studies.regression.power import needed
    from attrimark.studies.regression.recorded import read_recorded
    from attrimark.studies.regression.recording import names_of, primary_of, taken

    names = names_of(cells)
    before = read_recorded(path) if path.exists() else None
    mine = {str(path): before} if before and before.suite == suite.name else {}
    stored = taken(suite.name, cells, names, records, lambda record: ())
    primary = primary_of(cells, suite.primary, [name for each in mine.values() for name in each.primary])
    return needed(drop, primary, cells, names, {**mine, str(store): stored})


def _told(drop: float, seen: Sequence[Needed], suite: Suite) -> Iterator[str]:
    from attrimark.studies.regression.quality_change import POWER

    tests = seen[0].tests if seen else 0
    explained = " and ".join(map(str, sorted({matrix.explain for matrix in suite.matrices})))
    yield f"To see a drop of {drop:g} with {POWER:.0%} probability in any one of {tests} comparisons that gate:"
    for each in seen:
        wanted = f"{each.texts:,} texts" if each.texts else "no number of texts: so small a drop does not count"
        known = f"in {each.source}" if each.source else "assumed: nothing is recorded or stored"
        yield f"  {each.metric}: {wanted} (standard deviation over texts {each.spread:.2g}, {known})"
    yield f"The suite explains {explained}."
