"""Whether verdicts survive the choices behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Option, Study

if TYPE_CHECKING:
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.suite.choices import Choices
    from attrimark.suite.suite import Suite

    from .multiverse import Multiverse as Finding


class Multiverse(Study):
    """Every pair of methods in every analysis that the suite allows."""

    name = "multiverse"
    title = "Other choices"
    summary = "Print in how many analyses one method beats another, and which choice turns it."
    about = (
        "Analyses cross removal operator, value, pooling, rationale length and class (the suite's "
        "[suites.NAME.multiverse]). They are made from stored outputs; no network is loaded."
    )
    options = (
        Option("metric", "By this metric only.", choices=("sufficiency", "comprehensiveness")),
        Option("a", "Compare this method …", metavar="METHOD"),
        Option("b", "… with this one, by their names in the leaderboard.", metavar="METHOD"),
    )

    def keys(self) -> Mapping[str, Any]:
        from attrimark.suite.choices import Choices

        return {"multiverse": Choices}

    def captures(self, suite: Suite) -> Sequence[Choices]:
        return (suite.asks["multiverse"],) if "multiverse" in suite.asks else ()

    def asked(self, suite: Suite) -> bool:
        return "multiverse" in suite.asks

    def analyse(self, results: Results, **chosen: Any) -> Sequence[Finding]:
        from attrimark_registry.errors import AttrimarkError

        from .multiverse import METRICS, multiverses

        metric, first, second = (chosen.get(name) for name in ("metric", "a", "b"))
        if (first is None) != (second is None):
            raise AttrimarkError("--a and --b name two methods together")
        return multiverses(results, [metric] if metric else METRICS, (first, second) if first and second else None)

    def sections(self, findings: Sequence[Finding], suite: Suite, **chosen: Any) -> Iterator[Section]:
        from .sections import sections

        return sections(findings)

    def data(self, findings: Sequence[Finding]) -> Any:
        from .tables import as_json

        return list(map(as_json, findings))


STUDY = Multiverse()
