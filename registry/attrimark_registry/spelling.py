"""How a plugin is spelled: its name, with the options that differ from their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LONGEST = 60  # characters, where tables and titles show it
LEAST_OF_A_VALUE = 12

_REVISION = re.compile(r"(?<=@[0-9a-f]{7})[0-9a-f]{33}\b")


def written(name: str, options: Mapping[str, Any]) -> str:
    """In full: `shapley-sampling(permutations=5)`."""
    told = ", ".join(f"{option}={value}" for option, value in options.items())
    return f"{name}({told})" if told else name


def shown(name: str, options: Mapping[str, Any], digest: str) -> str:
    """As many options as fit, and where some do not a mark of the digest, which keeps it different from others."""
    if len(whole := written(name, options)) <= LONGEST:
        return whole
    mark = f" #{digest[:4]}"
    parts: list[str] = []
    for option, value in options.items():
        room = LONGEST - len(f"{name}({', '.join([*parts, option])}=, …{mark})")
        if room < LEAST_OF_A_VALUE:
            return f"{name}({', '.join([*parts, '…'])}{mark})"
        parts.append(f"{option}={_shortened(str(value), room)}")
    return f"{name}({', '.join(parts)}{mark})"


def _shortened(value: str, most: int) -> str:
    """Of revisions seven digits; of prompts the beginning, and of paths the end, where they differ from each other."""
    value = _REVISION.sub("", " ".join(value.split()))
    if len(value) <= most:
        return value
    return value[: most - 1] + "…" if " " in value else "…" + value[1 - most :]
