"""A written text in a terminal: one of its tokens a line, with the words of the input that mattered most to it."""

from __future__ import annotations

import numpy as np
from attrimark_registry.attribution import Attribution
from tabulate import tabulate

from .heat_map import token_label

MOST = 3  # words a token


def as_token_table(attribution: Attribution, most: int = MOST) -> str:
    """Each token of the text with the words of the largest |score|, largest first, and their scores."""
    by_token = np.empty((0, 0)) if attribution.by_token is None else attribution.by_token
    shown = min(most, len(attribution.features))
    rows = []
    for token, scores in zip(attribution.written, by_token, strict=True):
        first = np.argsort(-np.abs(scores), kind="stable")[:shown]
        pairs = [(attribution.features[place].text, f"{scores[place]:+.4f}") for place in first]
        rows.append([token_label(token), *(cell for pair in pairs for cell in pair)])
    header, align = ["written", *["word", "score"] * shown], ["left", *["left", "right"] * shown]
    return tabulate(rows, header, tablefmt="plain", disable_numparse=True, colalign=align if rows else None)
