"""Durations as a suite writes them: `90s`, `10min`, `2h`."""

from __future__ import annotations

import re

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def seconds(written: object) -> float:
    """Raises ValueError where it is no duration."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|min|h)", written) if isinstance(written, str) else None
    if found is None or float(found[1]) <= 0:
        raise ValueError('must be a duration above 0, such as "90s", "10min" or "2h"')
    return float(found[1]) * UNITS[found[2]]


def spelled(duration: float) -> str:
    """In the largest unit that it has a whole number of."""
    unit, size = next((unit, size) for unit, size in reversed(UNITS.items()) if duration % size == 0 or unit == "s")
    return f"{duration / size:g} {unit}"
