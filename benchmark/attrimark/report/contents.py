"""What stands on the page, first to last. Another analysis is another line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrimark_registry.errors import AttrimarkError

from attrimark.document.section import Section
from attrimark.studies.rationale_curves.rationale_curves import rationale_curves
from attrimark.studies.words.words import words

from .boards import leaderboards
from .choices import choices
from .contribution import contribution
from .over_seeds import over_seeds
from .provenance import provenance
from .replication import replication
from .report import Report
from .strategies import strategies

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
