"""`attrimark contribution`: what fine-tuning contributed to the responses of a suite's networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options

if TYPE_CHECKING:
    from .telling import Form


@click.command()
@options.suite
@options.config
@options.store
@options.figures
@options.form
@options.output
@options.as_json
def command(
    suite: str, config: Path, store: Path, figures: Path | None, form: Form, output: Path | None, as_json: bool
) -> None:
    """Print TuCo by class of prompt, accuracy by α, and contributions by layer for SUITE, from stored results."""
    from attrimark_registry.catalog import load_catalog

    from attrimark.results.nothing import Nothing
    from attrimark.results.results import Results
    from attrimark.results.store import Store
    from attrimark.suite.reading.suites import read_suite

    from .show import show_contribution

    chosen = read_suite(config, suite, load_catalog())
    with Store.existing(store, chosen) as opened:
        results = Results(chosen, opened)
        if not results.records:
            raise Nothing(f"nothing to show: run the suite first: attrimark run {suite}")
        shown = show_contribution(results, form="json" if as_json else form, output=output, figures=figures)
    if not shown:
        raise click.UsageError(
            f"suite {suite} has no results of TuCo: add the method tuco, its metrics, or the strategy scaled"
        )
