"""How results were computed, and what computes them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Study

if TYPE_CHECKING:
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.suite.suite import Suite


class Provenance(Study):
    """The suite as written, versions, machines, fingerprints, every cell."""

    name = "provenance"
    title = "How it was run"
    is_command = False

    def analyse(self, results: Results, **chosen: Any) -> Sequence[Section]:
        from .provenance import provenance

        return [provenance(results)]

    def sections(self, findings: Sequence[Section], suite: Suite, **chosen: Any) -> Iterator[Section]:
        return iter(findings)


STUDY = Provenance()
