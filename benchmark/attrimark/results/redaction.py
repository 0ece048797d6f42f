"""What may be told of a reason where texts are to stay where they are (`store_text = false`).

What a plugin raises may quote a text. What is known of a cell before any text is looked at quotes none, and neither
does how a process ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from attrimark_registry.attribution import Record

from attrimark.suite.matrix import Cell, cells_of
from attrimark.suite.suite import Suite

WITHHELD = "the reason is not told: store_text = false"

Telling = Callable[[str], str]  # a reason, and what is told of it

_DEATH = re.compile(
    r"its worker (was killed by SIG[A-Z0-9]+|ended with exit code [0-9]+|gave no result), [0-9]+ times"
    r"|it(s training)? took longer than [0-9.e+]+ (s|min|h) \(timeout\)"
    r"|it gave no sign of progress for [0-9.]+ (s|min|h)"
)


def everything(reason: str) -> str:
    """The whole reason."""
    return reason


def only_known(cells: Iterable[Cell]) -> Telling:
    """Those reasons that quote no text, and of the others that they are withheld."""
    known = {reason for cell in cells for reason in (cell.problem, *cell.refusals.values()) if reason}
    return lambda reason: reason if reason in known or _DEATH.fullmatch(reason) else WITHHELD


def telling_of(suite: Suite) -> Telling:
    """As the suite asks."""
    return everything if suite.store_text else only_known(cells_of(suite))


def as_told(record: Record, telling: Telling) -> Record:
    """The record, with what is told of its reasons."""
    return replace(
        record,
        reason=record.reason and telling(record.reason),
        left_out={example: telling(reason) for example, reason in record.left_out.items()},
        metric_status={
            digest: (status, reason and telling(reason)) for digest, (status, reason) in record.metric_status.items()
        },
    )
