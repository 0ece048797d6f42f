"""A question that is asked of results: what it finds in them, and how that is shown.

A study reads and computes; it trains, explains and stores nothing. What it needs is imported in its verbs, so that
listing the commands imports none of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

if TYPE_CHECKING:
    from attrimark.document.document import Document
    from attrimark.document.section import Drawing, Section
    from attrimark.results.results import Results
    from attrimark.suite.choices import Choices
    from attrimark.suite.reading.document import Complaint
    from attrimark.suite.suite import Suite


@dataclass(frozen=True)
class Option:
    """What a study's command can be asked beside the suite: `--name`.

    Attributes:
        choices: the values that it takes; any text where there are none.
        flag: whether it takes no value.
    """

    name: str
    help: str
    choices: tuple[str, ...] = ()
    flag: bool = False
    metavar: str | None = None


class Study(ABC):
    """One question, with its command and its part of the report.

    Attributes:
        name: of its command.
        title: over its part of the report.
        summary: its line in the list of commands.
        about: what its command's help says more.
        options: what `analyse` takes by keyword; None, or False for a flag, where it was not asked.
        lead: what a reader of its part of the report must know first.
        is_command: whether it has a command of its own.
        follows_run: whether a run ends with it, where the suite asks for it.
        drawn_with: the name of the study with whose figures its own are drawn; by default its own.
        unasked: why a suite that does not ask for it has no such results.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str] = ""
    about: ClassVar[str] = ""
    options: ClassVar[tuple[Option, ...]] = ()
    lead: ClassVar[tuple[str, ...]] = ()
    is_command: ClassVar[bool] = True
    follows_run: ClassVar[bool] = False
    drawn_with: ClassVar[str] = ""
    unasked: ClassVar[str] = "{suite} asks for nothing of the kind"

    def keys(self) -> Mapping[str, Any]:
        """The keys of a suite that are this study's own, with the type of each; what they hold is in `suite.asks`."""
        return {}

    def check(self, suite: Suite) -> Iterator[Complaint]:
        """What is wrong with what a suite asks, before anything runs; places are below the suite."""
        return iter(())

    def captures(self, suite: Suite) -> Sequence[Choices]:
        """What a run must keep for it: raw outputs over each of these choices."""
        return ()

    def plan(self, suite: Suite) -> Iterator[str]:
        """What `attrimark plan` says of it, before anything runs."""
        return iter(())

    def plan_data(self, suite: Suite) -> Mapping[str, Any]:
        """The same as plain values, by key."""
        return {}

    def asked(self, suite: Suite) -> bool:
        """Whether a suite's results can answer it."""
        return True

    def drawn_after_run(self, suite: Suite) -> bool:
        """Whether a run draws its figures."""
        return True

    def marks(self) -> Mapping[str, str]:
        """What a mark behind a number in its tables says."""
        return {}

    @abstractmethod
    def analyse(self, results: Results, **chosen: Any) -> Sequence[Any]:
        """What is found, in the order in which it is shown: deterministic, and without any network.

        Raises:
            Nothing: nothing is stored yet that it could read.
            AttrimarkError: the suite does not ask for it, with the remedy.
        """

    @abstractmethod
    def sections(self, findings: Sequence[Any], suite: Suite, **chosen: Any) -> Iterator[Section]:
        """The findings in words, tables and figures."""

    def data(self, findings: Sequence[Any]) -> Any:
        """The findings as plain values that JSON can hold."""
        from dataclasses import asdict

        from attrimark.document.plain import plain

        return [plain(asdict(each)) for each in findings]

    def rows(self, findings: Sequence[Any]) -> Sequence[Mapping[str, Any]] | None:
        """The findings in long format; None for what the tables show, cell by cell."""
        return None

    def drawings(self, sections: Iterable[Section], results: Results) -> Iterable[Drawing]:
        """The figures that `--figures` writes: by default those of the sections."""
        from attrimark.document.section import drawings_of

        return drawings_of(sections)

    @final
    def document(self, findings: Sequence[Any], suite: Suite, **chosen: Any) -> Document:
        """The findings, for every format."""
        from functools import partial

        from attrimark.document.document import Document

        sections = tuple(self.sections(findings, suite, **chosen))
        return Document(sections, partial(self.data, findings), partial(self.rows, findings))

    @final
    def part(self, findings: Sequence[Any], suite: Suite) -> Section:
        """The findings as a part of the report."""
        from attrimark.document.section import Section

        return Section(self.title, sentences=self.lead, sections=tuple(self.sections(findings, suite)))
