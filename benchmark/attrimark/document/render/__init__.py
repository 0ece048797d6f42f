"""How documents are written: one module a format."""

from .csv import Csv
from .json import Json
from .latex import Latex
from .markdown import Markdown
from .renderer import Renderer
from .terminal import Terminal

RENDERERS: tuple[Renderer, ...] = (Terminal(), Markdown(), Latex(), Csv(), Json())

__all__ = ["RENDERERS", "Renderer"]
