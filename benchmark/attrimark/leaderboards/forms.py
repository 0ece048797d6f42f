"""Every form that leaderboards can be asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, get_args

from .board import Leaderboard
from .latex import as_latex
from .tables import as_json, as_markdown, as_text
from .tidy import as_csv

Form = Literal["table", "markdown", "csv", "json", "latex"]
FORMS: tuple[Form, ...] = get_args(Form)


def rendered(boards: Sequence[Leaderboard], form: Form = "table", details: bool = False) -> str:
    """All boards in one text that ends without a line break.

    A board without any number or problem to tell (its suite judges no single explanation) is left out where people
    read it.
    """
    if form == "json":
        return json.dumps([as_json(board) for board in boards], indent=2, ensure_ascii=False)
    if form == "csv":
        return as_csv(boards).removesuffix("\n")
    telling = [board for board in boards if board.tells]
    if form == "latex":
        return "\n\n".join(as_latex(board, details, number) for number, board in enumerate(telling, start=1))
    write = as_markdown if form == "markdown" else as_text
    return "\n\n".join(write(board, details) for board in telling)
