"""What fine-tuning contributes in a suite's networks, in tables and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from attrimark.document.estimates import interval, number
from attrimark.document.grid import Grid
from attrimark.document.plain import plain

from .contributions import Contributions
from .detection import Detection
from .layer_profile import Profile
from .steering import Steering


def as_json(found: Contributions) -> dict[str, Any]:
    """Everything as plain data, with null where there is no number."""
    profiles = [
        {
            "variant": each.variant,
            "method": each.method,
            "means": {name: dict(zip(each.parts, means.tolist(), strict=True)) for name, means in each.means.items()},
        }
        for each in found.profiles
    ]
    told = {
        "detections": [asdict(each) for each in found.detections],
        "steerings": [asdict(each) for each in found.steerings],
        "profiles": profiles,
    }
    return plain(told)


def tables(found: Contributions) -> Iterator[Grid]:
    """One for each network with classes of prompts, one for each curve over α, one for each profile."""
    for variant in dict.fromkeys(each.variant for each in found.detections):
        yield _detectors(variant, [each for each in found.detections if each.variant == variant])
    yield from map(_curve, found.steerings)
    yield from map(_profile, found.profiles)


def _detectors(variant: str, found: Sequence[Detection]) -> Grid:
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
    return Grid(f"{variant}: prompts told apart", header, rows, told=told)


def _curve(steering: Steering) -> Grid:
    rows = [
        [f"{alpha:g}", interval(accuracy)] for alpha, accuracy in zip(steering.alphas, steering.accuracies, strict=True)
    ]
    told = [f"Chosen on four fifths of the texts each time: α = {', '.join(f'{alpha:g}' for alpha in steering.best)}."]
    if steering.gain is not None:
        told.append(f"On the fifth left out, that gains {interval(steering.gain)} over α = 1.")
    if not math.isnan(steering.fall):
        falls = f"falls by at most {number(steering.fall)} from one α to the next" if steering.fall else "falls nowhere"
        told.append(f"Between 0 and 1, accuracy {falls}.")
    return Grid(f"{steering.variant}: accuracy where fine-tuning counts α times", ["α", "accuracy"], rows, told=told)


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
