"""What was found, in the format and at the place that the user asks for."""

from __future__ import annotations

from pathlib import Path

import click

from attrimark.document.document import Document
from attrimark.document.render import RENDERERS
from attrimark.results.bundle import write_whole

FORMATS = {renderer.name: renderer for renderer in RENDERERS}


def tell(document: Document, form: str = "table", output: Path | None = None) -> None:
    """Print the document, or write it into a file where one is named.

    Raises:
        AttrimarkError: the file cannot be written; what was there is still there.
    """
    put(FORMATS[form].render(document), output)


def put(told: str, output: Path | None = None) -> None:
    """Print a text, or write it into a file.

    Raises:
        AttrimarkError: the file cannot be written; what was there is still there.
    """
    if output:
        write_whole(f"{told}\n".encode(), output)
    else:
        click.echo(told)
