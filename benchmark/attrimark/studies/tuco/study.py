"""What fine-tuning contributed to responses (TuCo)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Study

if TYPE_CHECKING:
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.suite.suite import Suite

    from .contributions import Contributions


class Contribution(Study):
    """Prompts told apart, accuracy by α, and contributions layer by layer."""

    name = "contribution"
    title = "What fine-tuning contributed"
    summary = "Print what fine-tuning contributed to responses (TuCo), and draw it."
    about = "TuCo by class of prompt, accuracy by α, and contributions by layer."
    follows_run = True

    def asked(self, suite: Suite) -> bool:
        from attrimark.suite.matrix import of_components

        from .detection import DETECTORS
        from .steering import STEP

        steps = (step.name for matrix in suite.matrices for chain in matrix.strategies for step in chain)
        metrics = (metric.name for matrix in suite.matrices for metric in matrix.metrics)
        methods = (method for matrix in suite.matrices for method in matrix.methods)
        return STEP in steps or any(name in DETECTORS for name in metrics) or any(map(of_components, methods))

    def analyse(self, results: Results, **chosen: Any) -> Sequence[Contributions]:
        from attrimark_registry.errors import AttrimarkError

        from attrimark.results.nothing import Nothing

        from .contributions import contributions

        if not results.records:
            raise Nothing(f"nothing to show: run the suite first: attrimark run {results.suite.name}")
        found = contributions(results)
        if not found:
            raise AttrimarkError(
                f"suite {results.suite.name} has no results of TuCo: add the method tuco, its metrics, or the strategy "
                "scaled"
            )
        return [found]

    def sections(self, findings: Sequence[Contributions], suite: Suite, **chosen: Any) -> Iterator[Section]:
        from .sections import sections

        return sections(findings)

    def data(self, findings: Sequence[Contributions]) -> Any:
        from .tables import as_json

        return as_json(findings[0]) if findings else []


STUDY = Contribution()
