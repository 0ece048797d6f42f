"""What fine-tuning contributed to responses: prompts told apart, accuracy by α, contributions layer by layer."""

from __future__ import annotations

from collections.abc import Iterator

from attrimark.contribution import layer_profile, steering_figures
from attrimark.contribution.detection import Detection, detections
from attrimark.contribution.layer_profile import profiles
from attrimark.contribution.steering import steerings
from attrimark.contribution.tables import tables
from attrimark.display.characters import printable
from attrimark.stability.tables import interval

from .results import Results
from .section import Drawing, Section

LONGEST = 100  # characters of a variant's name in an answer


def contribution(results: Results) -> Iterator[Section]:
    """One section; none where the suite looks at no contributions."""
    suite, store = results.suite, results.store
    found, steered, profiled = detections(suite, store), steerings(suite, store), profiles(suite, store)
    drawings = [
        Drawing(f"layers-{place}", printable(f"{each.variant}: contributions by block."), layer_profile.drawn(each))
        for place, each in enumerate(profiled, start=1)
    ]
    drawings += [
        Drawing(f"alpha-{place}", printable(f"{each.variant}: accuracy by α."), steering_figures.drawn(each))
        for place, each in enumerate(steered, start=1)
    ]
    if found or steered or profiled:
        yield Section(
            "What fine-tuning contributed",
            answers=tuple(map(_answer, found)),
            sections=tuple(
                Section("", grids=(grid,), notes=tuple(told)) for grid, told in tables(found, steered, profiled)
            ),
            drawings=tuple(drawings),
        )


def _answer(found: Detection) -> str:
    trivial = f"; the best trivial detector has {interval(found.above_trivial)} less" if found.above_trivial else ""
    return printable(
        f"{_short(found.variant)}: {found.detector} tells {found.first} from {found.second} with an AUC of "
        f"{interval(found.auc)}{trivial}."
    )


def _short(variant: str) -> str:
    """Without the middle where options are long, such as a prompt's template."""
    return variant if len(variant) <= LONGEST else f"{variant[: LONGEST // 2]} … {variant[-LONGEST // 2 :]}"
