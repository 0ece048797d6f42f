"""What fine-tuning contributed to responses: prompts told apart, accuracy by α, contributions layer by layer."""

from __future__ import annotations

from collections.abc import Iterator

from attrimark.document.characters import printable
from attrimark.document.estimates import interval
from attrimark.document.section import Drawing, Section
from attrimark.studies.tuco import layer_profile, steering_figures
from attrimark.studies.tuco.contributions import contributions
from attrimark.studies.tuco.detection import Detection
from attrimark.studies.tuco.tables import tables

from .report import Report

LONGEST = 100  # characters of a variant's name in an answer


def contribution(report: Report) -> Iterator[Section]:
    """One section; none where the suite looks at no contributions."""
    found = contributions(report.results)
    drawings = [
        Drawing(f"layers-{place}", printable(f"{each.variant}: contributions by block."), layer_profile.drawn(each))
        for place, each in enumerate(found.profiles, start=1)
    ]
    drawings += [
        Drawing(f"alpha-{place}", printable(f"{each.variant}: accuracy by α."), steering_figures.drawn(each))
        for place, each in enumerate(found.steerings, start=1)
    ]
    if found:
        yield Section(
            "What fine-tuning contributed",
            answers=tuple(map(answer, found.detections)),
            sections=tuple(Section("", grids=(grid,), notes=tuple(grid.told)) for grid in tables(found)),
            drawings=tuple(drawings),
        )


def answer(found: Detection) -> str:
    """The AUC, and what of it no trivial detector has: over all prompts, and over those of like length."""
    told = f"; minus that of the best trivial detector: {interval(found.above_trivial)}" if found.above_trivial else ""
    if found.matched_above_trivial:
        told += f", among prompts of like length {interval(found.matched_above_trivial)}"
    return printable(
        f"{_short(found.variant)}: {found.detector} tells {found.first} from {found.second} with an AUC of "
        f"{interval(found.auc)}{told}."
    )


def _short(variant: str) -> str:
    """Without the middle where options are long, such as a prompt's template."""
    return variant if len(variant) <= LONGEST else f"{variant[: LONGEST // 2]} … {variant[-LONGEST // 2 :]}"
