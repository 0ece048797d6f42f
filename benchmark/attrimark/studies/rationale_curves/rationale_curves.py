"""Sufficiency and comprehensiveness over rationales of every length, where the suite measures curves."""

from __future__ import annotations

from collections.abc import Iterator

from attrimark.document.characters import better, printable
from attrimark.document.section import Drawing, Section
from attrimark.report.report import Report

from .curves import curves, drawn


def rationale_curves(report: Report) -> Iterator[Section]:
    """One section of figures; none where no metric keeps the points of a curve."""
    drawings = []
    for place, each in enumerate(curves(report.results), start=1):
        caption = printable(
            f"{each.dataset} · {each.model} · {each.chain}: {each.metric} against the rationale's share of the text, "
            f"by removal operator; {better(each.higher_is_better)} is better."
        )
        drawings.append(Drawing(f"curve-{place}-{each.metric}", caption, drawn(each)))
    if drawings:
        yield Section("Rationales of every length", drawings=tuple(drawings))
