"""Which method explains best: the leaderboards of a suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrimark.studies.study import Option, Study

if TYPE_CHECKING:
    from attrimark.document.section import Section
    from attrimark.results.results import Results
    from attrimark.suite.suite import Suite

    from .board import Leaderboard as Board
    from .normalised import Normalised
    from .standings import Standings


class Leaderboard(Study):
    """One leaderboard for each dataset × model × chain, or one table across variants."""

    name = "leaderboard"
    title = "Leaderboards"
    summary = "Print the leaderboards of stored results."
    about = "Exit code 5 where nothing was run yet, or no single explanation is judged."
    options = (
        Option("metric", "Show this metric only."),
        Option(
            "across",
            "One row a method over all variants of a dataset: mean ranks, or normalised scores side by side.",
            choices=("ranks", "scores"),
        ),
        Option("details", "Also p-values, effect sizes, home scores and each removal operator's.", flag=True),
    )
    follows_run = True
    unasked = "no metric of {suite} judges single explanations"

    def asked(self, suite: Suite) -> bool:
        from .columns import has_column, metrics_of

        return any(map(has_column, metrics_of(suite)))

    def drawn_after_run(self, suite: Suite) -> bool:
        return not suite.compares_seeds  # figures over seeds say more

    def marks(self) -> Mapping[str, str]:
        from .marks import MARKS

        return MARKS

    def analyse(self, results: Results, **chosen: Any) -> Sequence[Board | Standings | Normalised]:
        from .columns import check_column
        from .leaderboard import leaderboards
        from .narrowed import narrowed
        from .normalised import normalised
        from .standings import standings

        metric, across = chosen.get("metric"), chosen.get("across")
        if metric:
            check_column(metric, results.suite)
        records = list(results.records.values())
        suite = results.suite
        boards = leaderboards(records, results.metrics, primary=suite.primary, margin=suite.margin)
        if not any(board.tells for board in boards):
            return boards
        if across == "ranks":
            return standings(boards, metric=metric)
        if across == "scores":
            return normalised(records, results.metrics, results.explained, metric=metric)
        return narrowed(boards, metric) if metric else boards

    def sections(self, findings: Sequence[Any], suite: Suite, **chosen: Any) -> Iterator[Section]:
        from .across_tables import section_of
        from .board import Leaderboard as Board
        from .sections import sections

        if all(isinstance(each, Board) for each in findings):
            return sections(findings, bool(chosen.get("details")))
        return map(section_of, findings)

    def data(self, findings: Sequence[Any]) -> Any:
        from . import across_tables, tables
        from .board import Leaderboard as Board

        return [tables.as_json(each) if isinstance(each, Board) else across_tables.as_json(each) for each in findings]

    def rows(self, findings: Sequence[Any]) -> Sequence[Mapping[str, Any]] | None:
        from .board import Leaderboard as Board
        from .long_format import long_format

        return list(long_format(findings)) if all(isinstance(each, Board) for each in findings) else None


STUDY = Leaderboard()
