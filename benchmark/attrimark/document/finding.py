"""One thing that was checked, as build servers show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """A test case of a build.

    Attributes:
        group, name: what was checked.
        outcome: a failure is a check that failed, an error one that could not be made; what only informs, or cannot be
            told, is skipped.
        message: why it did not pass.
        details: lines that say more.
    """

    group: str
    name: str
    outcome: Literal["passed", "failure", "error", "skipped"]
    message: str = ""
    details: tuple[str, ...] = ()
