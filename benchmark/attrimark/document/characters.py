"""Numbers and names as the characters that tables show."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Literal

from attrimark.screen.text import HIDDEN
from attrimark.screen.text import printable as printable

NO_NUMBER = "–"
Better = Literal["higher", "lower", "neither"]


def number(value: float | None) -> str:
    """Three decimals, or four digits where it is large."""
    if value is None or math.isnan(value):
        return NO_NUMBER
    return f"{as_shown(value):.3f}" if abs(value) < 1000 else f"{value:.4g}"


def as_shown(value: float) -> float:
    """What three decimals show of it: two values that look alike in a table are alike."""
    return round(value, 3) + 0.0  # which turns −0.0 into 0.0


def amount(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return NO_NUMBER
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def percent(probability: float | None) -> str:
    """Of something that is never certain."""
    if probability is None:
        return NO_NUMBER
    return ">99 %" if probability > 0.995 else f"{probability:.0%}".replace("%", " %")


def p_value(p: float | None) -> str:
    """Three decimals, and no claim below them."""
    return NO_NUMBER if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def better(higher_is_better: bool | None) -> Better:
    """Which of two values of a metric is: neither where it only describes."""
    if higher_is_better is None:
        return "neither"
    return "higher" if higher_is_better else "lower"


def count(many: int, noun: str) -> str:
    """`1 text`, `2 texts`."""
    return f"{many} {noun}" if many == 1 else f"{many} {noun}s"


def json_text(value: Any) -> str:
    """JSON that a terminal can show: what it would obey is escaped, and read as it was."""
    written = json.dumps(value, indent=2, ensure_ascii=False)  # which escapes what comes before a space
    return "\n".join(HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], line) for line in written.split("\n"))


def markdown(text: str) -> str:
    """Characters that Markdown or HTML would take for markup, made plain."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|~&])", r"\\\1", text)
