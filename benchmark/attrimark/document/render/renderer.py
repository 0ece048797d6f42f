"""What a format is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from attrimark.document.document import Document


class Renderer(ABC):
    """A format that documents are written in.

    Attributes:
        name: what `--format` calls it.
    """

    name: ClassVar[str]

    @abstractmethod
    def render(self, document: Document) -> str:
        """The whole document in one text that ends without a line break."""
