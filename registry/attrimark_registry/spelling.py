"""How a plugin is spelled: its name, with the options that differ from their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LONGEST = 60  # characters, where tables and titles show it
LEAST_OF_A_VALUE = 12

# of revisions seven digits are shown
_REVISION = re.compile(r"(?<=@[0-9a-f]{7})[0-9a-f]{33}\b")


def written(name: str, options: Mapping[str, Any]) -> str:
    """In full: `shapley-sampling(permutations=5)`."""
    told = ", ".join(f"{option}={value}" for option, value in options.items())
    return f"{name}({told})" if told else name


def shown(name: str, options: Mapping[str, Any], digest: str) -> str:
    """Long values are shortened, then the last options left out, till it fits.

    A mark of the digest then keeps it different from others.
    """
    if len(whole := written(name, options)) <= LONGEST:
        return whole
    values = {option: _REVISION.sub("", " ".join(str(value).split())) for option, value in options.items()}
    mark = f" #{digest[:4]}"
    for option in sorted(values, key=lambda each: len(values[each]), reverse=True):
        over = len(written(name, values)) + len(mark) - LONGEST
        values[option] = _shortened(values[option], max(LEAST_OF_A_VALUE, len(values[option]) - over))
    parts = [f"{option}={value}" for option, value in values.items()]
    dropped = ""
    while len(spelled := f"{name}({', '.join([*parts, dropped] if dropped else parts)}{mark})") > LONGEST and parts:
        parts, dropped = parts[:-1], "…"
    return spelled


def _shortened(value: str, most: int) -> str:
    """Of prompts the beginning, and of paths the end, where they differ from each other."""
    if len(value) <= most:
        return value
    return value[: most - 1] + "…" if " " in value else "…" + value[1 - most :]
