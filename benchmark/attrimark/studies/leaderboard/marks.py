"""What the marks behind a number say."""

from __future__ import annotations

from collections.abc import Mapping

from attrimark.document.grid import BETTER
from attrimark.results.scores import CONTROL

from .board_grids import BEST, FRONT

MARKS: Mapping[str, str] = {
    BETTER: f"better than {CONTROL}",
    "▾": f"worse than {CONTROL}",
    ">": f"higher than {CONTROL}, which is neither better nor worse",
    "<": f"lower than {CONTROL}, which is neither better nor worse",
    "~": f"no significant difference from {CONTROL}",
    BEST: "may be the best",
    FRONT.strip(): "no method is as good for less",
}
