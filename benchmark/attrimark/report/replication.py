"""What the suite repeats of a study, and what was predicted before it ran."""

from __future__ import annotations

from collections.abc import Iterator

from attrimark.display.characters import printable

from .results import Results
from .section import Section


def replication(results: Results) -> Iterator[Section]:
    """One section, whose first sentence opens the page; none where the suite repeats no study."""
    if results.suite.replication is not None:
        first, *rest = map(printable, results.suite.replication.says)
        yield Section("Replication", answers=(first,), sentences=(first, *rest))
