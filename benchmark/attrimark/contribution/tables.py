"""What fine-tuning contributes in a suite's networks, as text and Markdown: by class of prompt, and scaled by α."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Literal

from attrimark.display.grid import WIDTH, Grid, fitted, tabulated
from attrimark.stability.tables import interval, number

from .detection import Detection
from .layer_profile import Profile
from .steering import Steering

Format = Literal["table", "markdown"]


def as_text(
    detections: Sequence[Detection],
    steerings: Sequence[Steering],
    profiles: Sequence[Profile],
    format: Format = "table",
) -> str:
    """Tables, each with what a reader must know of it, for a terminal or for Markdown."""
    parts = []
    for table, told in tables(detections, steerings, profiles):
        parts.append(f"**{table.title}**" if format == "markdown" else textwrap.fill(table.title, WIDTH))
        shown = [table] if format == "markdown" else fitted(table)
        parts += [tabulated(each, "pipe" if format == "markdown" else "simple") for each in shown]
        parts += [line if format == "markdown" else textwrap.fill(line, WIDTH) for line in told]
    return "\n\n".join(parts)


def tables(
    detections: Sequence[Detection], steerings: Sequence[Steering], profiles: Sequence[Profile]
) -> Iterator[tuple[Grid, list[str]]]:
    """Prompts told apart, accuracy by α, contributions by block; each with sentences about it."""
    for variant in dict.fromkeys(each.variant for each in detections):
        yield _detectors(variant, [each for each in detections if each.variant == variant])
    for steering in steerings:
        yield _curve(steering)
    for profile in profiles:
        yield _profile(profile), []


def _detectors(variant: str, found: Sequence[Detection]) -> tuple[Grid, list[str]]:
    header = [
        "classes, detector",
        "means",
        "AUC",
        "found at 5 %",
        "AUC − best trivial",
        "AUC, like lengths",
        "AUC − best trivial, like lengths",
    ]
    rows = [
        [
            f"{each.first} > {each.second}, {each.detector}",
            " > ".join(map(number, each.means)),
            *(
                interval(told) if told else "–"
                for told in (
                    each.auc,
                    each.caught,
                    each.above_trivial,
                    each.length_matched,
                    each.matched_above_trivial,
                )
            ),
        ]
        for each in found
    ]
    told = [
        "AUC: the probability that a prompt of the first class has the larger number. Intervals speak for new prompts "
        "and this network only. The best trivial detector is the best of perplexity, output contribution and length, "
        "in its better direction; among prompts of like length (within a tenth), of those pairs alone."
    ]
    return Grid(f"{variant}: prompts told apart", header, rows), told


def _curve(steering: Steering) -> tuple[Grid, list[str]]:
    rows = [
        [f"{alpha:g}", interval(accuracy)] for alpha, accuracy in zip(steering.alphas, steering.accuracies, strict=True)
    ]
    told = [f"Chosen on four fifths of the texts each time: α = {', '.join(f'{alpha:g}' for alpha in steering.best)}."]
    if steering.gain is not None:
        told.append(f"On the fifth left out, that gains {interval(steering.gain)} over α = 1.")
    if not math.isnan(steering.fall):
        falls = f"falls by at most {number(steering.fall)} from one α to the next" if steering.fall else "falls nowhere"
        told.append(f"Between 0 and 1, accuracy {falls}.")
    return Grid(f"{steering.variant}: accuracy where fine-tuning counts α times", ["α", "accuracy"], rows), told


def _profile(profile: Profile) -> Grid:
    kinds, classes = profile.kinds(), list(profile.means)
    header = ["block", *(f"{kind}, {name}" for kind in kinds for name in classes)]
    blocks = range(max(map(len, kinds.values())))
    rows = [
        [
            str(block + 1),
            *(number(profile.means[name][places[block]]) for places in kinds.values() for name in classes),
        ]
        for block in blocks
    ]
    return Grid(f"{profile.variant}: {profile.method}, mean norms at the last token", header, rows)
