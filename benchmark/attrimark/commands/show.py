"""What a suite found, printed as the user asked: its leaderboards, and what varies over its seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from attrimark import layer_profile, steering_figures
from attrimark.curves import write_curves
from attrimark.detection import detections
from attrimark.figures import save
from attrimark.layer_profile import profiles
from attrimark.leaderboard import leaderboards
from attrimark.matrix import Cell
from attrimark.run import judgements_of
from attrimark.stability import stabilities
from attrimark.stability_figures import write_figures
from attrimark.stability_tables import as_json as stability_as_json
from attrimark.stability_tables import as_text as stability_as_text
from attrimark.steering import steerings
from attrimark.store import Store
from attrimark.suite import Suite
from attrimark.tables import as_json as board_as_json
from attrimark.tables import as_markdown, as_text
from attrimark.tuning_tables import as_text as contribution_as_text
from attrimark.word_figures import write_word_figures

Format = Literal["table", "markdown"]


def show(
    cells: Sequence[Cell],
    store: Store,
    *,
    as_json: bool = False,
    format: Format = "table",
    metric: str | None = None,
    details: bool = False,
) -> None:
    """Print one leaderboard for each dataset × model × chain.

    Args:
        metric: show this metric only (by its name).
    """
    metrics = {digest: each for digest, each in judgements_of(cells).items() if metric in (None, each.name, str(each))}
    if not metrics:
        known = ", ".join(sorted({str(each) for each in judgements_of(cells).values()}))
        raise click.UsageError(f'no metric named "{metric}" in this suite; it has {known}')
    boards = leaderboards(list(store.records(cell.id for cell in cells).values()), metrics)
    if as_json:
        click.echo(json.dumps([board_as_json(board) for board in boards], indent=2, ensure_ascii=False))
        return
    for board in boards:
        if not board.columns and all(row.status == "ok" for row in board.rows):
            continue  # the suite judges no single explanation
        click.echo(as_markdown(board) if format == "markdown" else as_text(board, details=details))
        click.echo()


def show_stability(
    suite: Suite, store: Store, *, as_json: bool = False, format: Format = "table", figures: Path | None = None
) -> None:
    """Print what varies over seeds, for each dataset and model; draw it where a folder is given."""
    found = stabilities(suite, store)
    if as_json:
        click.echo(json.dumps([stability_as_json(each) for each in found], indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join(stability_as_text(each, format) for each in found))
    if figures:
        _tell(write_figures(found, figures), figures)


def show_contribution(suite: Suite, store: Store, *, format: Format = "table", figures: Path | None = None) -> bool:
    """Print what fine-tuning contributes: by class of prompt, scaled by α, and layer by layer; whether there is any."""
    found, steered, profiled = detections(suite, store), steerings(suite, store), profiles(suite, store)
    if not (found or steered or profiled):
        return False
    click.echo(contribution_as_text(found, steered, profiled, format))
    if figures and (profiled or steered):
        pairs = [(layer_profile.drawn(each), f"layers {place}") for place, each in enumerate(profiled, start=1)]
        pairs += [(steering_figures.drawn(each), f"alpha {place}") for place, each in enumerate(steered, start=1)]
        _tell([path for figure, name in pairs for path in save(figure, figures, name)], figures)
    return True


def draw(cells: Sequence[Cell], store: Store, folder: Path) -> None:
    """Draw what every method scores the words of one text, for each dataset × model × chain."""
    _tell(write_word_figures(cells, store, folder) + write_curves(cells, store, folder), folder)


def _tell(written: Sequence[Path], folder: Path) -> None:
    click.echo(f"{len(written)} figures in {folder}", err=True)
