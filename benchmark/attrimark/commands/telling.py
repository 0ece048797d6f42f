"""What was found, in the format and at the place that the user asks for."""

from __future__ import annotations

from pathlib import Path

import click
from attrimark_registry.catalog import Catalog

from attrimark.document.document import Document
from attrimark.document.render import RENDERERS, Renderer
from attrimark.results.bundle import write_whole

from .saying import say

FORMATS = {renderer.name: renderer for renderer in RENDERERS}


def tell(document: Document, form: str = "table", output: Path | None = None, catalog: Catalog | None = None) -> None:
    """Print the document, or write it into a file where one is named.

    Args:
        catalog: whose formats are known beside ours.

    Raises:
        UsageError: there is no such format.
        AttrimarkError: the file cannot be written; what was there is still there.
    """
    put(format_of(form, catalog).render(document), output)


def put(told: str, output: Path | None = None) -> None:
    """Print a text, or write it into a file.

    Raises:
        AttrimarkError: the file cannot be written; what was there is still there.
    """
    if output:
        write_whole(f"{told}\n".encode(), output)
    else:
        say(told)


def format_of(name: str, catalog: Catalog | None = None) -> Renderer:
    """The format of that name.

    Raises:
        UsageError: there is none; it names those that there are.
    """
    known = FORMATS | {each.name: each for each in (catalog.renderers if catalog else ())}
    if name not in known:
        raise click.UsageError(f"no format {name!r} (there are: {', '.join(known)})")
    return known[name]
