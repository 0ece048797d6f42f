"""Documents as CSV in long format, for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from attrimark.document.characters import printable
from attrimark.document.document import Document

from .renderer import Renderer


class Csv(Renderer):
    """One row a value; a field is empty where there is none.

    A name that a spreadsheet would take for a formula (it begins with =, +, - or @) has an apostrophe before it.
    """

    name = "csv"

    def render(self, document: Document) -> str:
        rows = list(document.long_format())
        names = list(dict.fromkeys(name for row in rows for name in row))
        written = io.StringIO()
        writer = csv.DictWriter(written, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _field(value) for name, value in row.items()} for row in rows)
        return written.getvalue().removesuffix("\n")


def _field(value: Any) -> Any:
    if isinstance(value, str):
        shown = printable(value)
        return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None or (isinstance(value, float) and not math.isfinite(value)) else value
