"""`attrimark record`: accept a suite's numbers as those that later runs are compared with."""

from __future__ import annotations

from pathlib import Path

import click

from . import options, recorded_options
from .saying import say

FAILED, NOTHING = 1, 5


@click.command()
@options.suite
@options.config
@click.option("--reason", required=True, help="Why these numbers are accepted; it stands beside each that changed.")
@recorded_options.recorded
@recorded_options.only
@click.option("--anew", is_flag=True, help="Replace the recorded file, whatever it holds, without reading it.")
@click.option("--reseeds", type=click.IntRange(min=5), metavar="K", help="Train with K seeds, and record their spread.")
@recorded_options.primary
@click.option(
    "--store-text/--no-store-text", default=None, help="Whether reports show texts; by default as the suite says."
)
@recorded_options.computing
@click.pass_context
def command(
    context: click.Context,
    suite: str,
    config: Path,
    reason: str,
    recorded: Path,
    only: str | None,
    anew: bool,
    reseeds: int | None,
    primary: tuple[str, ...],
    store_text: bool | None,
    store: Path | None,
    no_run: bool,
    slots: int | None,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Run SUITE and record what its cells cost and scored, for `attrimark regress` to compare with.

    A cell that was recorded before is written anew only where a number moved by more than a third of its tolerance.
    Exit code 1 where a cell failed or has no result yet: it is not recorded, and what was recorded of it stays.
    """
    from dataclasses import replace

    from attrimark_registry.catalog import load_catalog

    from attrimark.results.redaction import telling_of
    from attrimark.run.local import slots_for
    from attrimark.run.progress import Progress
    from attrimark.studies.regression.power import power_of
    from attrimark.studies.regression.recorded import check_place, read_recorded, settle, write_recorded
    from attrimark.studies.regression.recording import (
        is_as_recorded,
        is_seeded,
        outdated,
        primary_of,
        renewed,
        troubles,
    )
    from attrimark.suite.matrix import cells_of
    from attrimark.suite.reading.suites import read_suite

    from .fresh_run import Interrupted, Run, spread_of, store_at

    if not reason.strip():
        raise click.UsageError("--reason must say why")
    if no_run and store is None:
        raise click.UsageError("--no-run needs --store: there is nothing else to take")
    if anew and only:
        raise click.UsageError("--anew records the whole suite: leave --only out")
    catalog = load_catalog()
    chosen = read_suite(config, suite, catalog)
    check_place(recorded)
    before = read_recorded(recorded) if recorded.exists() and not anew else None
    if before and before.suite != suite:
        raise click.UsageError(f"{recorded} holds the suite {before.suite}: choose another file with --recorded")
    if reseeds and not any(is_seeded(cell.variant.chain) for cell in cells_of(chosen)):
        raise click.UsageError(
            "--reseeds trains with more seeds, and this suite trains no model with any: seeds make no difference to "
            "them, and attrimark regress compares them text by text"
        )
    gating = primary_of(cells_of(chosen), primary or chosen.primary, before.primary if before else ())
    shown = store_text if store_text is not None else chosen.store_text and (before is None or before.store_text)
    telling = telling_of(replace(chosen, store_text=shown))
    catalog.manager.register(Progress(quiet=quiet))
    working = [] if no_run else slots_for(slots, device, threads, discreet=not shown)
    try:
        with store_at(store, keep=shown, telling=telling) as opened:
            run = Run(chosen, opened, working, catalog.manager, only)
            now = run.taken(gating, shown)
            if reseeds:
                now = replace(now, reseeds=spread_of(run.reseeded(reseeds)))
    except Interrupted as interrupted:
        recorded_options.resume(context, interrupted)
        return
    names = run.cells[1].values()
    unfit = troubles(now) | {name: "no result yet" for name in names if now.cells and name not in now.cells}
    after, changed = renewed(before, now, reason, names, only)
    for name, why in unfit.items():
        say(f"not recorded: {name}: {why}", err=True)
    if not now.cells or not after.cells:
        say("Nothing to record: there are no results to record for these cells.", err=True)
        context.exit(FAILED if unfit else NOTHING)
    if is_as_recorded(before, after, changed):
        settle(recorded)
        say(f"{recorded} stays as it is: nothing moved by more than a third of its tolerance.")
    else:
        write_recorded(after, recorded)
        for name, moved in changed.items():
            say(f"{name}: {moved}")
        for (group, metric), moved in (outdated(before, after) if before else {}).items():
            if metric not in after.reseeds.get(group, {}):
                told = f"its spread over seeds is dropped ({moved} changed): attrimark record --reseeds would know it"
                say(f"{group} · {metric}: {told}")
        say(f"{recorded}: {len(changed)} cells changed, of {len(after.cells)}.")
    say("\n".join(power_of(after)))
    context.exit(FAILED if unfit else 0)
