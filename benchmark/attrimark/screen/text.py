"""Characters that a terminal would obey, replaced."""

from __future__ import annotations

import re

# control characters (an escape begins a command to a terminal), other line breaks, halves of characters, and what turns
# the direction of all that follows; joiners are none of them, which Persian and many emoji are written with
HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object) -> str:
    """Without characters that could rewrite a terminal's screen, and on one line."""
    return HIDDEN.sub("�", str(text))


def screen(text: str) -> str:
    """The same of several lines."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
