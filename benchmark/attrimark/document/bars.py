"""An attribution in a terminal: one word a line, with a bar to the right where it supports the decision."""

from __future__ import annotations

import numpy as np
from attrimark_registry.attribution import Attribution

HALF = 20  # characters of the longest bar


def as_bars(attribution: Attribution) -> str:
    """Words with their scores and bars, the largest |score| at full length."""
    largest = float(np.abs(attribution.scores).max(initial=0.0)) or 1.0
    width = max((len(feature.text) for feature in attribution.features), default=0)
    lines = []
    for feature, score in zip(attribution.features, attribution.scores, strict=True):
        length = round(HALF * abs(float(score)) / largest)
        left, right = ("█" * length, "") if score < 0 else ("", "█" * length)
        lines.append(f"{feature.text:<{width}}  {score:+9.4f}  {left:>{HALF}}│{right}".rstrip())
    return "\n".join(lines)
