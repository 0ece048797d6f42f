"""Sections and leaderboards as the formats write them."""

from collections.abc import Iterable, Sequence

from attrimark.document.document import Document
from attrimark.document.render import RENDERERS
from attrimark.document.section import Section
from attrimark.studies.leaderboard.board import Leaderboard
from attrimark.studies.leaderboard.study import STUDY

FORMATS = {renderer.name: renderer for renderer in RENDERERS}


def rendered(sections: Iterable[Section], form: str = "table") -> str:
    return FORMATS[form].render(Document(tuple(sections)))


def boards_rendered(boards: Sequence[Leaderboard], form: str = "table", details: bool = False) -> str:
    return FORMATS[form].render(STUDY.document(boards, None, details=details))  # pyright: ignore[reportArgumentType]
