"""Words with their scores, by every method and as every seed sees them: whole numbers that a page can colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

import numpy as np
from jaxtyping import Float

LEVELS = 8  # shades on either side of zero
DIGITS = 3  # of the largest score that are shown
MOST_DECIMALS = 12


@dataclass(frozen=True)
class Word:
    """A word, and the characters of the text between the one before and it."""

    gap: str
    text: str


@dataclass(frozen=True)
class ColouredRow:
    """One method's scores of one text.

    Attributes:
        decimals: how many of a score are shown.
        views: scores in units of the last decimal; None where a view has no explanation.
    """

    method: str
    decimals: int
    views: tuple[tuple[int, ...] | None, ...]

    def shown(self, view: int) -> list[tuple[str, str]]:
        """For each word the classes of its shade, and its number; none where the view has no explanation."""
        scores = self.views[view] or ()
        most = max(map(abs, scores), default=0) or 1
        return [(_shade(score, most), self._number(score)) for score in scores]

    def _number(self, score: int) -> str:
        sign = "+" if score > 0 else "−" if score < 0 else ""
        return f"{sign}{abs(score) / 10**self.decimals:.{self.decimals}f}"


@dataclass(frozen=True)
class ColouredText:
    """One text with what all methods score its words.

    Attributes:
        label: the true label, where there is one.
        explained: by view, the label (or the text written) that was explained.
    """

    id: str
    label: str | None
    words: tuple[Word, ...]
    explained: tuple[str, ...]
    rows: tuple[ColouredRow, ...]


def coloured_row(method: str, views: Sequence[Float[np.ndarray, " words"] | None]) -> ColouredRow:
    """Rounded to the same unit in every view: three digits of the largest score."""
    largest = max((float(np.abs(view).max(initial=0.0)) for view in views if view is not None), default=0.0)
    decimals = min(MOST_DECIMALS, max(0, DIGITS - 1 - floor(log10(largest)))) if largest > 0 else 0
    rounded = (None if view is None else tuple(round(float(score) * 10**decimals) for score in view) for view in views)
    return ColouredRow(method, decimals, tuple(rounded))


def _shade(score: int, most: int) -> str:
    level = floor(LEVELS * abs(score) / most + 0.5)
    return f"{'pro' if score > 0 else 'con'} s{level}" if level else ""
