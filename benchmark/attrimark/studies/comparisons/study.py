"""What fine-tuning strategies, quantizers and models do to explanations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Study

if TYPE_CHECKING:
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.suite.reading.document import Complaint
    from attrimark.suite.suite import Suite

    from .comparison import Findings


class Comparisons(Study):
    """Strategies, quantizers or models compared, as the suite asks."""

    name = "strategies"
    title = "Strategies compared"
    summary = "Compare strategies, quantizers or models, and draw it."
    about = (
        "Metrics by strategy with tests over networks and over texts, distances between distributions over words, "
        "trends over models' sizes, and which of the suite's claims came true."
    )
    follows_run = True

    def keys(self) -> Mapping[str, Any]:
        from .factor_comparison import FactorComparison

        return {"comparisons": tuple[FactorComparison, ...]}

    def check(self, suite: Suite) -> Iterator[Complaint]:
        from .comparable import complaints_of_comparison

        for index, comparison in enumerate(suite.asks.get("comparisons", ())):
            yield from complaints_of_comparison(comparison, suite.matrices, ("comparisons", index))

    def asked(self, suite: Suite) -> bool:
        return bool(suite.asks.get("comparisons"))

    def analyse(self, results: Results, **chosen: Any) -> Sequence[Findings]:
        from .comparison import findings

        return findings(results)

    def sections(self, findings: Sequence[Findings], suite: Suite, **chosen: Any) -> Iterator[Section]:
        from .sections import sections

        return sections(findings)

    def data(self, findings: Sequence[Findings]) -> Any:
        from .tables import as_json

        return list(map(as_json, findings))


STUDY = Comparisons()
