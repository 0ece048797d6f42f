"""What fine-tuning contributed to responses: prompts told apart, accuracy by α, contributions layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from attrimark.document.characters import printable
from attrimark.document.estimates import interval
from attrimark.document.section import Drawing, Section

from . import layer_profile, steering_figures
from .contributions import Contributions
from .detection import Detection
from .tables import tables

LONGEST = 100  # characters of a variant's name in an answer


def sections(found: Sequence[Contributions]) -> Iterator[Section]:
    """Prompts told apart, accuracy by α, contributions by block."""
    return map(section_of, found)


def section_of(found: Contributions) -> Section:
    drawings = [
        Drawing(f"layers {place}", f"{each.variant}: contributions by block.", partial(layer_profile.drawn, each))
        for place, each in enumerate(found.profiles, start=1)
    ]
    drawings += [
        Drawing(f"alpha {place}", f"{each.variant}: accuracy by α.", partial(steering_figures.drawn, each))
        for place, each in enumerate(found.steerings, start=1)
    ]
    return Section(answers=tuple(map(answer, found.detections)), grids=tuple(tables(found)), drawings=tuple(drawings))


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
