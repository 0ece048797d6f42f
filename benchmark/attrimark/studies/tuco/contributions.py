"""All that a suite's results say of what fine-tuning contributes."""

from __future__ import annotations

from dataclasses import dataclass

from attrimark.results.results import Results

from .detection import Detection, detections
from .layer_profile import Profile, profiles
from .steering import Steering, steerings


@dataclass(frozen=True, eq=False)
class Contributions:
    """Prompts told apart, accuracy by α, contributions by block; empty where the suite looks at none."""

    detections: tuple[Detection, ...] = ()
    steerings: tuple[Steering, ...] = ()
    profiles: tuple[Profile, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.detections or self.steerings or self.profiles)


def contributions(results: Results) -> Contributions:
    """From stored results."""
    return Contributions(tuple(detections(results)), tuple(steerings(results)), tuple(profiles(results)))
