"""Documents as JSON, with null where there is no number."""

from __future__ import annotations

from attrimark.document.characters import json_text
from attrimark.document.document import Document

from .renderer import Renderer


class Json(Renderer):
    """The data, for programs."""

    name = "json"

    def render(self, document: Document) -> str:
        return json_text(document.data())
