"""`attrimark report`: what a suite found, as one page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .saying import say

if TYPE_CHECKING:
    from attrimark.document.page.page import Heading
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.studies.study import Study

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

    from attrimark.document.page.page import page
    from attrimark.document.section import drawings_of
    from attrimark.results.bundle import write_whole
    from attrimark.results.nothing import Nothing
    from attrimark.results.results import Results
    from attrimark.results.store import Store
    from attrimark.suite.reading.suites import read_suite

    from .study import write_drawings

    catalog = load_catalog()
    chosen = read_suite(config, suite, catalog)
    with Store.existing(store, chosen) as opened:
        results = Results(chosen, opened)
        if not results.records:
            raise Nothing(f"nothing of {suite} in {store} yet: run it first: attrimark run {suite}")
        parts = parts_of(catalog.studies, results, texts=texts)
        content = page(heading_of(catalog.studies, results), parts).encode()
    write_whole(content, output)
    say(f"{output}: {len(content) / 1e6:.1f} MB", err=True)
    if figures:
        write_drawings(drawings_of(parts), figures, ("svg", "pdf", "png"))


def parts_of(studies: Sequence[Study], results: Results, **chosen: Any) -> list[Section]:
    """What every study that the suite asks for has to say, and what could not be shown."""
    from attrimark.document.section import Section

    from .study import attempted

    suite = results.suite
    parts: list[Section] = []
    refused: list[str] = []
    for study in studies:
        part, reason = attempted(study, partial(_part, study, results, **chosen), suite)
        parts += [part] if part and part.sections else []
        refused += [reason] if reason else []
    return [*parts, Section("What could not be shown", sentences=tuple(refused))] if refused else parts


def _part(study: Study, results: Results, **chosen: Any) -> Section | None:
    """None where the suite does not ask for it."""
    suite = results.suite
    return study.part(study.analyse(results, **chosen), suite) if study.asked(suite) else None


def heading_of(studies: Sequence[Study], results: Results) -> Heading:
    """What was asked and run, and what the marks in tables say."""
    from attrimark.document.page.page import Heading

    from .report_facts import asked, statuses

    suite = results.suite
    facts = {"Asked": asked(results), "Run": statuses(results)}
    marks = {mark: meaning for study in studies for mark, meaning in study.marks().items()}
    return Heading(suite.title or suite.name, suite.name, facts, marks)
