"""Sufficiency and comprehensiveness over rationales of every length, where the suite measures curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Study

if TYPE_CHECKING:
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.suite.suite import Suite

    from .curves import Curves


class RationaleCurves(Study):
    """Figures of the metrics that keep the points of a curve."""

    name = "rationale-curves"
    title = "Rationales of every length"
    is_command = False
    drawn_with = "leaderboard"

    def analyse(self, results: Results, **chosen: Any) -> Sequence[Curves]:
        from .curves import curves

        return curves(results)

    def sections(self, findings: Sequence[Curves], suite: Suite, **chosen: Any) -> Iterator[Section]:
        from .curves import section

        if findings:
            yield section(findings)


STUDY = RationaleCurves()
