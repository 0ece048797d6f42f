"""What a comparison says, and what came of a prediction."""

from __future__ import annotations

from typing import Literal

from .simultaneous import Compared

Verdict = Literal["better", "worse", "higher", "lower", "tie", "–"]
PredictionResult = Literal["holds", "does not hold", "cannot be told"]


def verdict_of(versus: Compared, higher_is_better: bool | None) -> Verdict:
    """Better or worse than what it was compared with; higher or lower where neither is better."""
    if versus.direction in ("–", "tie"):
        return versus.direction
    if higher_is_better is None:
        return "higher" if versus.direction == "above" else "lower"
    return "better" if (versus.direction == "above") is higher_is_better else "worse"


def towards_better(effect: float | None, higher_is_better: bool | None) -> float | None:
    """The effect, positive where it is better, or higher where neither is."""
    return -effect if effect is not None and higher_is_better is False else effect
