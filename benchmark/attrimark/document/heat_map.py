"""The picture of a text that was written: which words of the input spoke for and against each token of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrimark_registry.attribution import Attribution
from attrimark_registry.errors import AttrimarkError

from .figures import COLOURS
from .titles import verbatim

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL_INCHES = 0.28
LONGEST = 24  # characters of a label
# blank space is part of a token, and a label that shows none could not be told from another
SHOWN = {" ": "␣", "\n": "⏎", "\t": "⇥"}


def heat_map(attribution: Attribution) -> Figure:
    """Input words down, tokens of the text written across; a word supports a blue token and opposes an orange one.

    White is 0, and the largest |score| of all has full colour on either side.

    Raises:
        AttrimarkError: the tokens were not explained each alone.
    """
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    if attribution.by_token is None:
        raise AttrimarkError(f"text {attribution.example.id}: the tokens that it led to were not explained one by one")
    words = [_short(feature.text) for feature in attribution.features]
    tokens = [token_label(token) for token in attribution.written]
    room = CELL_INCHES * len(tokens), CELL_INCHES * len(words)
    figure = Figure(figsize=(max(4.0, room[0] + 2.5), max(2.0, room[1] + 1.8)), layout="constrained")
    axis = figure.subplots()
    most = float(np.abs(attribution.by_token).max(initial=0.0)) or 1.0
    colours = LinearSegmentedColormap.from_list("against-for", [COLOURS[1], "#FFFFFF", COLOURS[0]])
    drawn = axis.imshow(attribution.by_token.T, cmap=colours, vmin=-most, vmax=most, aspect="auto")
    axis.set_xticks(range(len(tokens)), [verbatim(token) for token in tokens], rotation=90, fontsize=8)
    axis.set_yticks(range(len(words)), [verbatim(word) for word in words], fontsize=8)
    axis.set_xlabel("written", fontsize=9)
    axis.set_ylabel("input", fontsize=9)
    figure.colorbar(drawn, label="score").ax.tick_params(labelsize=8)
    return figure


def token_label(token: str) -> str:
    """A token's characters on one line; `·` where it adds none, being the first bytes of a character."""
    return _short("".join(SHOWN.get(each, each) for each in token)) or "·"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
