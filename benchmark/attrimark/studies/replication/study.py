"""What the suite repeats of a study, and what was predicted before it ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Study

if TYPE_CHECKING:
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.suite.suite import Suite


class Replication(Study):
    """Its first sentence opens the report."""

    name = "replication"
    title = "Replication"
    is_command = False

    def asked(self, suite: Suite) -> bool:
        return suite.replication is not None

    def analyse(self, results: Results, **chosen: Any) -> Sequence[str]:
        return list(results.suite.replication.says) if results.suite.replication else []

    def sections(self, findings: Sequence[str], suite: Suite, **chosen: Any) -> Iterator[Section]:
        from attrimark.document.section import Section

        yield Section(answers=tuple(findings[:1]), sentences=tuple(findings))

    def data(self, findings: Sequence[str]) -> Any:
        return list(findings)


STUDY = Replication()
