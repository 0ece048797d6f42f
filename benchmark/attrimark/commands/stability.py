"""`attrimark stability`: what seeds, strategies and quantizers do to a suite's models and explanations."""

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
    """Print how models and explanations of SUITE vary over seeds, from stored results; nothing is trained or explained.

    The models' accuracy and fine-tuning surface, each method's signal and noise, where the variance of its scores comes
    from, and which of the suite's predictions came true.
    """
    from attrimark_registry.catalog import load_catalog

    from attrimark.results.results import Results
    from attrimark.results.store import Store
    from attrimark.suite.reading.suites import read_suite

    from .show import show_stability

    chosen = read_suite(config, suite, load_catalog())
    with Store.existing(store, chosen) as opened:
        show_stability(Results(chosen, opened), form="json" if as_json else form, output=output, figures=figures)
