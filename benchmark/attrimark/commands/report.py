"""`attrimark report`: what a suite found, as one page."""

from __future__ import annotations

from pathlib import Path

import click

from . import options

TEXTS = 5


@click.command()
@options.suite
@options.config
@options.store
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), default=Path("report.html"), show_default=True,
    help="The file to write.",
)  # fmt: skip
@click.option(
    "--texts", type=click.IntRange(min=0), default=TEXTS, show_default=True,
    help="How many texts of each dataset × model × chain to show word by word.",
)  # fmt: skip
@click.option("--figures", type=click.Path(path_type=Path), help="Also write every figure here, as SVG, PDF and PNG.")
def command(suite: str, config: Path, store: Path, output: Path, texts: int, figures: Path | None) -> None:
    """Write one HTML page with all that SUITE found, from stored results; nothing is computed.

    The page needs no network and no other file. Exit code 5 where nothing was run yet.
    """
    from attrimark_registry.catalog import load_catalog

    from attrimark.report.contents import sections
    from attrimark.report.page import page, write_figures
    from attrimark.report.report import Report
    from attrimark.report.suite_text import suite_text
    from attrimark.results.bundle import write_whole
    from attrimark.results.nothing import Nothing
    from attrimark.results.results import Results
    from attrimark.results.store import Store
    from attrimark.suite.reading.suites import read_suite

    chosen = read_suite(config, suite, load_catalog())
    with Store.existing(store, chosen) as opened:
        results = Results(chosen, opened)
        if not results.records:
            raise Nothing(f"nothing of {suite} in {store} yet: run it first: attrimark run {suite}")
        report = Report(results, suite_text(config, suite), config.name, texts)
        found = sections(report)
        content = page(report, found).encode()
    write_whole(content, output)
    click.echo(f"{output}: {len(content) / 1e6:.1f} MB", err=True)
    if figures:
        click.echo(f"{len(write_figures(found, figures))} figures in {figures}", err=True)
