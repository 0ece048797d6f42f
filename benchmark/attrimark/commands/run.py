"""`attrimark run`: run a suite, resume it, print its leaderboards."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from . import options
from .saying import say


@click.command()
@options.suite
@options.config
@options.store
@click.option("--slots", type=click.IntRange(min=1), help="Workers side by side; one a GPU, or one, by default.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of each worker; the cores shared out, by default.")
@options.device
@click.option("--quiet", is_flag=True, help="No progress, only the leaderboards.")
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    suite: str,
    config: Path,
    store: Path,
    slots: int | None,
    threads: int | None,
    device: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run SUITE: compute what is missing, store every cell as it is finished, print the leaderboards, draw figures.

    Run it again to resume; finished cells are never run twice. Exit code 1 where a cell failed, 5 where none
    could run.
    """
    from attrimark_registry.catalog import load_catalog

    from attrimark.results.redaction import telling_of
    from attrimark.results.results import Results
    from attrimark.results.store import Store
    from attrimark.run.local import slots_for
    from attrimark.run.progress import Progress
    from attrimark.run.scheduler import run
    from attrimark.suite.reading.suites import read_suite

    from .study import drawings_with, show, write_drawings
    from .telling import FORMATS

    catalog = load_catalog()
    chosen = read_suite(config, suite, catalog)
    catalog.manager.register(Progress(quiet=quiet or as_json))
    working = slots_for(slots, device, threads, discreet=not chosen.store_text)
    with Store(store, telling_of(chosen)) as opened:
        try:
            summary = run(chosen, opened, working, catalog.manager)
        except KeyboardInterrupt:
            again = shlex.join(sys.argv[1:])
            say(f"\nInterrupted; finished cells are kept. Resume with: attrimark {again}", err=True)
            context.exit(2)
        results = Results(chosen, opened)
        first, *others = (study for study in catalog.studies if study.follows_run)
        document = first.document(first.analyse(results), chosen)
        shown = FORMATS["json" if as_json else "table"].render(document)
        if shown:  # a suite may judge no single explanation
            say(shown if as_json else f"{shown}\n")
        if summary["ok"] and not as_json:
            figures = opened.figures(suite)
            asked = [study for study in others if study.asked(chosen)]
            if first.drawn_after_run(chosen):
                write_drawings(drawings_with(first, document.sections, results, catalog.studies), figures)
            for study in asked:
                show(study, results, figures)
    context.exit(1 if summary["failed"] else 0 if summary["ok"] else 5)
