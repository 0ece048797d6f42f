"""What the suite repeats of a study, and what was predicted before it ran."""

from __future__ import annotations

from collections.abc import Iterator

from attrimark.document.characters import printable
from attrimark.document.section import Section

from .report import Report


def replication(report: Report) -> Iterator[Section]:
    """One section, whose first sentence opens the page; none where the suite repeats no study."""
    if report.results.suite.replication is not None:
        first, *rest = map(printable, report.results.suite.replication.says)
        yield Section("Replication", answers=(first,), sentences=(first, *rest))
