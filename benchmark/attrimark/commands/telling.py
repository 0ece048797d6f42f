"""What was found, in the form and at the place that the user asks for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import click

from attrimark.document.sheet import Sheet
from attrimark.document.sheet_forms import rendered
from attrimark.results.bundle import write_whole

Form = Literal["table", "markdown", "latex", "json"]


def tell(sheets: Iterable[Sheet], plain: Any, form: Form = "table", output: Path | None = None) -> None:
    """Print the sheets, or the same as plain data in JSON; into a file where one is named.

    Raises:
        AttrimarkError: the file cannot be written; what was there is still there.
    """
    put(json.dumps(plain, indent=2, ensure_ascii=False) if form == "json" else rendered(sheets, form), output)


def put(told: str, output: Path | None = None) -> None:
    """Print a text, or write it into a file.

    Raises:
        AttrimarkError: the file cannot be written; what was there is still there.
    """
    if output:
        write_whole(f"{told}\n".encode(), output)
    else:
        click.echo(told)
