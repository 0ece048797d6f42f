"""`attrimark regress`: fail a build whose explanations got worse, or cost more, than what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import options, recorded_options
from .saying import say


@click.command()
@options.suite
@options.config
@recorded_options.recorded
@recorded_options.only
@recorded_options.primary
@click.option("--same-weights", "mode", flag_value="same-weights", help="The models are the recorded ones.")
@click.option(
    "--retrained", "mode", flag_value="retrained", help="They were trained again: compare with reseeded ones."
)
@click.option("--strict", is_flag=True, help="Exit with 7 where it cannot be told.")
@click.option(
    "--improvements", type=click.Choice(["warn", "fail", "ignore"]), default="warn", show_default=True,
    help="What to do about numbers better than recorded.",
)  # fmt: skip
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit's XML.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Append Markdown, for a job summary.")
@options.as_json
@recorded_options.computing
@click.pass_context
def command(
    context: click.Context,
    suite: str,
    config: Path,
    recorded: Path,
    only: str | None,
    primary: tuple[str, ...],
    mode: Any,
    strict: bool,
    improvements: Any,
    junit: Path | None,
    markdown: Path | None,
    as_json: bool,
    store: Path | None,
    no_run: bool,
    slots: int | None,
    threads: int | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Run SUITE and compare it with what was recorded: counted costs, values of metrics, and what fails now.

    Exit codes: 0 passed, 1 a regression, 2 interrupted, 4 wrong usage or recorded file, 5 nothing to compare, 7 a
    primary metric cannot be compared, or a model's accuracy may have fallen (with --strict also: cannot be told).
    """
    from dataclasses import replace

    from attrimark_registry.catalog import load_catalog

    from attrimark.results.redaction import telling_of
    from attrimark.run.local import slots_for
    from attrimark.run.progress import Progress
    from attrimark.studies.regression.recorded import check_place, hashed, read_recorded
    from attrimark.studies.regression.recording import narrowed, primary_of
    from attrimark.studies.regression.regression import compare, exit_code
    from attrimark.studies.regression.reports import Report, append_markdown, as_text, notes_on, to_line, write_junit
    from attrimark.suite.matrix import cells_of
    from attrimark.suite.reading.suites import read_suite

    from .fresh_run import Interrupted, Run, store_at

    if no_run and store is None:
        raise click.UsageError("--no-run needs --store: there is nothing else to compare")
    catalog = load_catalog()
    chosen = read_suite(config, suite, catalog)
    before = read_recorded(recorded)
    if before.suite != suite:
        raise click.UsageError(f"{recorded} holds the suite {before.suite}, not {suite}")
    for place in filter(None, (junit, markdown)):
        check_place(place)
    gating = primary_of(cells_of(chosen), primary or chosen.primary, before.primary)
    # either of the two may forbid it
    before = replace(before, primary=gating, store_text=before.store_text and chosen.store_text)
    telling = telling_of(replace(chosen, store_text=before.store_text))
    catalog.manager.register(Progress(quiet=quiet or as_json))
    working = slots_for(slots, device, threads, discreet=not before.store_text)
    try:
        with store_at(store, keep=before.store_text, telling=telling) as opened:
            run = Run(chosen, opened, [] if no_run else working, catalog.manager, only)
            cells, _ = run.cells
            now = run.taken(gating, before.store_text)
    except Interrupted as interrupted:
        recorded_options.resume(context, interrupted)
        return
    shown = {hashed(each.id): each for cell in cells for each in cell.variant.examples} if before.store_text else {}
    findings = compare(narrowed(before, only), now, mode, shown) if now.cells else []
    given = ["regress", suite, "--config", str(config), "--recorded", str(recorded)]
    given += [word for metric in primary for word in ("--primary", metric)]
    given += [f"--{mode}"] if mode else []
    given += ["--device", device] if device else []
    notes = notes_on(before, findings, improvements)
    report = Report(suite, findings, given, exit_code(findings, strict, improvements), notes)
    say(to_line(report) if as_json else as_text(report))
    if junit:
        write_junit(report, junit)
    if markdown:
        append_markdown(report, markdown)
    context.exit(report.code)
