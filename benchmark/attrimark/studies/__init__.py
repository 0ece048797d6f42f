"""What results mean: one folder a study, whose module `study` says all that others know of it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .study import Study

# in the order of the report: a new study is a folder and a name here, or a hook of another distribution
STUDIES = (
    "replication",
    "leaderboard",
    "words",
    "rationale_curves",
    "stability",
    "comparisons",
    "multiverse",
    "tuco",
    "provenance",
)


def built_in() -> list[Study]:
    """Our own studies, in the order of the report."""
    return [import_module(f".{name}.study", __name__).STUDY for name in STUDIES]
