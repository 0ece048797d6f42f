"""What stands on the page, first to last. Another analysis is another line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrimark_registry.errors import AttrimarkError

from .boards import leaderboards
from .choices import choices
from .contribution import contribution
from .over_seeds import over_seeds
from .provenance import provenance
from .rationale_curves import rationale_curves
from .replication import replication
from .report import Report
from .section import Section
from .strategies import strategies
from .words import words

CONTENTS: tuple[Callable[[Report], Iterator[Section]], ...] = (
    replication,
    leaderboards,
    words,
    rationale_curves,
    over_seeds,
    strategies,
    choices,
    contribution,
    provenance,
)


def sections(report: Report) -> list[Section]:
    """Every section that the suite has something to say in, and what could not be shown."""
    found: list[Section] = []
    refused: list[str] = []
    for contribute in CONTENTS:
        try:
            found += contribute(report)
        # one part that cannot be had takes no other with it
        except AttrimarkError as reason:
            refused.append(str(reason))
    return [*found, Section("What could not be shown", sentences=tuple(refused))] if refused else found
