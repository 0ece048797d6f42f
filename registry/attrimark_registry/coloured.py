"""An attribution as a notebook displays it: the text, its words coloured by their scores."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .attribution import Attribution
    from .text import Feature

# Okabe and Ito's blue and orange, which colour-blind readers can tell apart
FOR, AGAINST = "0, 114, 178", "230, 159, 0"
DEEPEST = 0.6  # opacity of the largest |score|: letters stay readable on it


def pieces(attribution: Attribution) -> Iterator[tuple[str, Feature, float]]:
    """Each feature with its score, and the characters of the text between the one before and it."""
    segments = attribution.example.segments
    before: Feature | None = None
    for feature, score in zip(attribution.features, attribution.scores, strict=True):
        if before is None:
            gap = ""
        elif before.segment == feature.segment and 0 <= feature.segment < len(segments):
            gap = segments[feature.segment][before.end : feature.start]
        else:
            gap = "\n"
        yield gap, feature, float(score)
        before = feature


def coloured(attribution: Attribution) -> str:
    """HTML without a style sheet: what supports the target is blue, with a solid line; what opposes it orange, dotted.

    The number stands in each word's title. Everything that came with the text is escaped.
    """
    most = float(np.abs(attribution.scores).max(initial=0.0)) or 1.0
    words = []
    for gap, feature, score in pieces(attribution):
        share = abs(score) / most
        colour, line = (FOR, "solid") if score > 0 else (AGAINST, "dotted")
        style = (
            f"background: rgba({colour}, {DEEPEST * share:.2f}); border-bottom: 2px {line} rgba({colour}, {share:.2f})"
        )
        told = f"{score:+.4g}"
        words.append(
            f'{html.escape(gap)}<span title="{told}" style="{style}; unicode-bidi: isolate">'
            f"{html.escape(feature.text)}</span>"
        )
    explained = html.escape(attribution.explained)
    scale = f"solid blue supports it, dotted orange opposes it; the largest |score| is {most:.4g}"
    return (
        f'<p dir="auto" style="line-height: 1.9; white-space: pre-wrap">{"".join(words)}</p>'
        f"<p><small>explained: <b>{explained}</b>; {scale}</small></p>"
    )
