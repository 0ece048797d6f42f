"""`attrimark strategies`: what fine-tuning strategies, quantizers and models do to explanations."""

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
    """Compare the strategies, quantizers or models of SUITE, from stored results; nothing is trained or explained.

    Metrics by strategy with tests over networks and over texts, distances between distributions over words, trends over
    models' sizes, and which of the suite's claims came true.
    """
    from attrimark_registry.catalog import load_catalog

    from attrimark.results.results import Results
    from attrimark.results.store import Store
    from attrimark.suite.reading.suites import read_suite

    from .show import show_strategies

    chosen = read_suite(config, suite, load_catalog())
    with Store.existing(store, chosen) as opened:
        show_strategies(Results(chosen, opened), form="json" if as_json else form, output=output, figures=figures)
