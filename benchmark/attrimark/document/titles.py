"""Titles of figures: every word as it is, in lines no wider than the figure."""

from __future__ import annotations

import textwrap
import unicodedata
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NARROWEST = 0.4  # of a character, in parts of its size: where measuring begins
MARGIN = 0.96  # what is drawn is hinted to whole pixels
LEAST = 12  # characters in a line, however narrow a panel is
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
    """In lines that are no wider, as the font measures them; what needs more lines than a title has is left out."""
    room = inches * 72 * MARGIN
    wide = max(LEAST, int(room / (points * NARROWEST)))
    while wide > LEAST and any(_width(line, points) > room for line in _lines(text, wide)):
        wide = max(LEAST, wide - max(1, wide // 20))
    return verbatim("\n".join(_lines(text, wide)))


def _lines(text: str, wide: int) -> list[str]:
    lines = [line for given in text.split("\n") for line in textwrap.wrap(given, wide)]
    if len(lines) <= MOST_LINES:
        return lines
    rest = " ".join(lines[MOST_LINES - 1 :])
    return [*lines[: MOST_LINES - 1], f"{rest[: wide - 2].rstrip()} …"]


def _width(line: str, points: int) -> float:
    """In points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        width, _, _ = TextToPath().get_text_width_height_descent(line, FontProperties(size=points), ismath=False)
    return width


def verbatim(text: str) -> str:
    """Words as they are: a dollar sign begins no formula, and what no SVG may hold is shown as such."""
    refused = [each for each in text if each != "\n" and unicodedata.category(each) in ("Cc", "Cn", "Cs")]
    return text.translate(dict.fromkeys(map(ord, refused), "�")).replace("$", r"\$")
