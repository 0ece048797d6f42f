"""What varies over seeds: the models, signal and noise of their explanations, and what came of the predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Study

if TYPE_CHECKING:
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.suite.suite import Suite

    from .stability import Stability as Finding


class Stability(Study):
    """Models and explanations over seeds, for each dataset and model."""

    name = "stability"
    title = "Over seeds"
    summary = "Print how models and explanations vary over seeds, and draw it."
    about = (
        "The models' accuracy and fine-tuning surface, each method's signal and noise, where the variance of its "
        "scores comes from, and which of the suite's predictions came true."
    )
    follows_run = True

    def asked(self, suite: Suite) -> bool:
        return suite.compares_seeds

    def analyse(self, results: Results, **chosen: Any) -> Sequence[Finding]:
        from .stability import stabilities

        return stabilities(results)

    def sections(self, findings: Sequence[Finding], suite: Suite, **chosen: Any) -> Iterator[Section]:
        from .sections import sections

        return sections(findings, with_words=suite.store_text)

    def data(self, findings: Sequence[Finding]) -> Any:
        from .tables import as_json

        return list(map(as_json, findings))


STUDY = Stability()
