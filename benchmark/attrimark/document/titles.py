"""Titles of figures: every word as it is, in lines no wider than the figure."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 0.62  # of a character, in its size: that of the sans-serif font's wide ones
MOST_LINES = 3


def set_title(figure: Figure, text: str, points: int = 10) -> None:
    """Over the whole figure."""
    figure.suptitle(fitted(text, float(figure.get_figwidth()), points), fontsize=points)


def set_panel_title(axis: Axes, text: str, panels: int = 1, points: int = 9) -> None:
    """Over one of so many panels side by side."""
    figure = axis.get_figure(root=True)
    inches = float(figure.get_figwidth()) / panels if figure else 1.0
    axis.set_title(fitted(text, inches - 1 / panels, points), fontsize=points, loc="left")


def fitted(text: str, inches: float, points: int) -> str:
    """In lines that are no wider; the rest of a text that needs more lines than a title has is left out."""
    wide = max(12, int(inches * 72 / (points * WIDTH)))
    lines = [line for given in text.split("\n") for line in textwrap.wrap(given, wide)]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], textwrap.shorten(" ".join(lines[MOST_LINES - 1 :]), wide, placeholder=" …")]
    return verbatim("\n".join(lines))


def verbatim(text: str) -> str:
    """Words as they are: a dollar sign begins no formula, and what no SVG may hold is shown as such."""
    refused = [each for each in text if each != "\n" and unicodedata.category(each) in ("Cc", "Cn", "Cs")]
    return text.translate(dict.fromkeys(map(ord, refused), "�")).replace("$", r"\$")
