"""`attrimark leaderboard`: the tables of what has been run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from . import options


@click.command()
@options.suite
@options.config
@options.store
@click.option("--metric", help="Show this metric only.")
@click.option("--format", "format", type=click.Choice(["table", "markdown"]), default="table", show_default=True)
@click.option("--details", is_flag=True, help="Also home scores and the scores under each removal operator.")
@click.option("--figures", type=click.Path(path_type=Path), help="Draw each method's word scores into this folder.")
@options.as_json
def command(
    suite: str,
    config: Path,
    store: Path,
    metric: str | None,
    format: Literal["table", "markdown"],
    details: bool,
    figures: Path | None,
    as_json: bool,
) -> None:
    """Print the leaderboards of SUITE from stored results; nothing is computed."""
    from attrimark_registry.catalog import load_catalog

    from attrimark.config import read_suite
    from attrimark.matrix import cells_of
    from attrimark.store import Store

    from .show import draw, show

    cells = cells_of(read_suite(config, suite, load_catalog()))
    with Store(store) as opened:
        show(cells, opened, as_json=as_json, format=format, metric=metric, details=details)
        if figures:
            draw(cells, opened, figures)
