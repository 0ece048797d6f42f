"""What the suite repeats of a study, and what was predicted before it ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Study

if TYPE_CHECKING:
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.suite.suite import Suite


class ReplicationStudy(Study):
    """Its first sentence opens the report."""

    name = "replication"
    title = "Replication"
    is_command = False

    def keys(self) -> Mapping[str, Any]:
        from .replication import Replication

        return {"replication": Replication}

    def plan(self, suite: Suite) -> Iterator[str]:
        return iter(suite.asks["replication"].says if self.asked(suite) else ())

    def plan_data(self, suite: Suite) -> Mapping[str, Any]:
        return {"replication": suite.asks["replication"].model_dump() if self.asked(suite) else None}

    def asked(self, suite: Suite) -> bool:
        return "replication" in suite.asks

    def analyse(self, results: Results, **chosen: Any) -> Sequence[str]:
        return list(results.suite.asks["replication"].says) if self.asked(results.suite) else []

    def sections(self, findings: Sequence[str], suite: Suite, **chosen: Any) -> Iterator[Section]:
        from attrimark.document.section import Section

        yield Section(answers=tuple(findings[:1]), sentences=tuple(findings))

    def data(self, findings: Sequence[str]) -> Any:
        return list(findings)


STUDY = ReplicationStudy()
