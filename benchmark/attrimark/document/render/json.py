"""Documents as JSON, with null where there is no number."""

from __future__ import annotations

import json

from attrimark.document.document import Document

from .renderer import Renderer


class Json(Renderer):
    """The data, for programs."""

    name = "json"

    def render(self, document: Document) -> str:
        return json.dumps(document.data(), indent=2, ensure_ascii=False)
