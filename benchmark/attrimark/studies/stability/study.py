"""What varies over seeds: the models, signal and noise of their explanations, and what came of the predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Study

if TYPE_CHECKING:
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.suite.reading.document import Complaint
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

    def keys(self) -> Mapping[str, Any]:
        from .equivalence import Equivalence
        from .prediction import Prediction

        return {"equivalent": Equivalence, "predictions": tuple[Prediction, ...]}

    def check(self, suite: Suite) -> Iterator[Complaint]:
        from .checks import not_measured, not_to_be_foretold

        yield from not_measured(suite.asks.get("equivalent"), suite.matrices)
        yield from not_to_be_foretold(suite.asks.get("predictions", ()), suite.matrices)

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
