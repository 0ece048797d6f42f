"""Every form that leaderboards can be asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, get_args

from attrimark.document.grid import BETTER
from attrimark.document.sheet_forms import rendered as written

from .board import Leaderboard
from .tables import as_json, sheet_of
from .tidy import as_csv

Form = Literal["table", "markdown", "csv", "json", "latex"]
FORMS: tuple[Form, ...] = get_args(Form)
_BETTER = {"markdown": "bold:", "latex": "Bold:"}


def rendered(boards: Sequence[Leaderboard], form: Form = "table", details: bool = False) -> str:
    """All boards in one text that ends without a line break.

    A board without any number or problem to tell (its suite judges no single explanation) is left out where people
    read it.
    """
    if form == "json":
        return json.dumps([as_json(board) for board in boards], indent=2, ensure_ascii=False)
    if form == "csv":
        return as_csv(boards).removesuffix("\n")
    better = _BETTER.get(form, BETTER)
    return written((sheet_of(board, details, better) for board in boards if board.tells), form)
