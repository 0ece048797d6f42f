"""What a comparison says, and what came of a prediction."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["better", "worse", "higher", "lower", "tie", "–"]
PredictionResult = Literal["holds", "does not hold", "cannot be told"]
