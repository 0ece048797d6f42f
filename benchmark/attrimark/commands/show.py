"""What a suite found, printed as the user asked: its leaderboards, and what varies over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from attrimark.document.figures import save
from attrimark.results.results import Results
from attrimark.studies.comparisons.comparison import findings
from attrimark.studies.comparisons.figures import write_strategy_figures
from attrimark.studies.comparisons.tables import as_json as strategies_as_json
from attrimark.studies.comparisons.tables import sheet_of as strategies_sheet
from attrimark.studies.leaderboard.board import Leaderboard
from attrimark.studies.leaderboard.captions import has_scores
from attrimark.studies.leaderboard.forms import rendered
from attrimark.studies.leaderboard.leaderboard import leaderboards
from attrimark.studies.leaderboard.pareto import pareto
from attrimark.studies.rationale_curves.curves import write_curves
from attrimark.studies.stability.figures import write_figures
from attrimark.studies.stability.stability import stabilities
from attrimark.studies.stability.tables import as_json as stability_as_json
from attrimark.studies.stability.tables import sheet_of as stability_sheet
from attrimark.studies.tuco import layer_profile, steering_figures
from attrimark.studies.tuco.contributions import contributions
from attrimark.studies.tuco.tables import as_json as contribution_as_json
from attrimark.studies.tuco.tables import sheet_of as contribution_sheet
from attrimark.studies.words.word_figures import write_word_figures

from .telling import Form, tell


def show(results: Results, *, as_json: bool = False) -> None:
    """Print one leaderboard for each dataset × model × chain."""
    told = rendered(boards_of(results), "json" if as_json else "table")
    if told:  # a suite may judge no single explanation
        click.echo(told if as_json else f"{told}\n")


def boards_of(results: Results) -> list[Leaderboard]:
    """The leaderboards of what is stored."""
    return leaderboards(list(results.records.values()), results.metrics)


def show_stability(
    results: Results, *, form: Form = "table", output: Path | None = None, figures: Path | None = None
) -> None:
    """Print what varies over seeds, for each dataset and model; draw it where a folder is given."""
    found = stabilities(results)
    tell(map(stability_sheet, found), list(map(stability_as_json, found)), form, output)
    if figures:
        _tell(write_figures(found, figures, with_words=results.suite.store_text), figures)


def show_strategies(
    results: Results, *, form: Form = "table", output: Path | None = None, figures: Path | None = None
) -> None:
    """Print how strategies, quantizers and models compare, as the suite asks; draw it where a folder is given."""
    found = findings(results)
    tell(map(strategies_sheet, found), list(map(strategies_as_json, found)), form, output)
    if figures:
        _tell(write_strategy_figures(found, figures), figures)


def show_contribution(
    results: Results, *, form: Form = "table", output: Path | None = None, figures: Path | None = None
) -> bool:
    """Print what fine-tuning contributes: by class of prompt, scaled by α, and layer by layer; whether there is any."""
    found = contributions(results)
    if not found:
        return False
    tell([contribution_sheet(found)], contribution_as_json(found), form, output)
    if figures and (found.profiles or found.steerings):
        pairs = [(layer_profile.drawn(each), f"layers {place}") for place, each in enumerate(found.profiles, start=1)]
        pairs += [
            (steering_figures.drawn(each), f"alpha {place}") for place, each in enumerate(found.steerings, start=1)
        ]
        _tell([path for figure, name in pairs for path in save(figure, figures, name)], figures)
    return True


def draw(results: Results, folder: Path) -> None:
    """Draw, by dataset × model × chain, the words of one text, curves over rationales, and quality against cost.

    No words where the suite keeps its texts to itself.
    """
    written = write_word_figures(results, folder) if results.suite.store_text else []
    written += write_curves(results, folder)
    for place, board in enumerate(boards_of(results), start=1):
        if board.first and has_scores(board):
            written += save(pareto(board, board.first), folder, f"pareto {place}")
    _tell(written, folder)


def _tell(written: Sequence[Path], folder: Path) -> None:
    click.echo(f"{len(written)} figures in {folder}", err=True)
