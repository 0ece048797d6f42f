"""What each method scores every word of some texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Study

if TYPE_CHECKING:
    from attrimark.document.section import Drawing, Section
    from attrimark.results.results import Results
    from attrimark.suite.suite import Suite

TEXTS = 5


class Words(Study):
    """Texts with coloured words, where the suite may show them."""

    name = "words"
    title = "Words"
    lead = (
        "Blue, with a solid line, supports what is explained; orange, with a dotted line, opposes it. Each method "
        "has its own scale: its largest |score| in a text has full colour. Point at a word, or reach it with Tab "
        "and the arrow keys, for its number.",
    )
    is_command = False
    drawn_with = "leaderboard"

    def asked(self, suite: Suite) -> bool:
        return suite.store_text

    def analyse(self, results: Results, **chosen: Any) -> Sequence[Section]:
        from .words import words

        return words(results, chosen.get("texts", TEXTS))

    def sections(self, findings: Sequence[Section], suite: Suite, **chosen: Any) -> Iterator[Section]:
        return iter(findings)

    def drawings(self, sections: Iterable[Section], results: Results) -> Iterable[Drawing]:
        from .word_figures import word_figures

        return word_figures(results)


STUDY = Words()
