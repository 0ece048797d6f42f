"""The texts that a regression shows most on, with their words before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from attrimark_registry.text import Example

from .recorded import Explanations, RecordedCell

TEXTS = 5
WORDS = 6


@dataclass(frozen=True)
class WorstText:
    """One text.

    Attributes:
        text: its id, where texts may be shown; else the name that recorded files give it.
        before, after: the metric's value, or the cost of explaining it; NaN where there is none.
        words_before, words_after: its highest scores; a word is `segment:start-end` where texts may not be shown,
            and a part of the network its number.
    """

    text: str
    before: float
    after: float
    words_before: str
    words_after: str


def by_value(
    before: RecordedCell, after: RecordedCell, metric: str, examples: Mapping[str, Example]
) -> tuple[WorstText, ...]:
    """Those whose value became worst; what is no finite number is worse than any."""
    old, new = _by_text(before, metric), _by_text(after, metric)
    sign = 1 if after.facts.metrics[metric].better == "higher" else -1
    lost = {text: sign * (old[text] - new[text]) for text in old if text in new}
    lost |= {text: np.inf for text in lost if np.isinf(new[text])}
    ordered = sorted((text for text in lost if lost[text] > 0), key=lambda text: (-lost[text], text))
    return tuple(_text(text, float(old[text]), float(new[text]), before, after, examples) for text in ordered[:TEXTS])


def _by_text(cell: RecordedCell, metric: str) -> dict[str, float]:
    """Each text's score; infinite where it is invalid."""
    array = cell.scores(metric)
    scores = np.where(array.invalid.any(axis=2), np.inf, array.by_text)[0]
    return dict(zip(array.texts, scores.tolist(), strict=True))


def by_cost(
    before: RecordedCell, after: RecordedCell, cost: str, examples: Mapping[str, Example]
) -> tuple[WorstText, ...]:
    """Those whose explanation became most expensive."""
    old, new = (_costs(cell, cost) for cell in (before, after))
    rise = {text: new[text] - old[text] for text in old if text in new}
    ordered = sorted((text for text in rise if rise[text] > 0), key=lambda text: (-rise[text], text))
    return tuple(_text(text, old[text], new[text], before, after, examples) for text in ordered[:TEXTS])


def _costs(cell: RecordedCell, cost: str) -> dict[str, float]:
    if cell.explanations is None:
        return {}
    column = sorted(cell.facts.costs).index(cost)
    return dict(zip(cell.explanations.texts, map(float, cell.explanations.costs[:, column]), strict=True))


def _text(
    text: str, old: float, new: float, before: RecordedCell, after: RecordedCell, examples: Mapping[str, Example]
) -> WorstText:
    example = examples.get(text)
    words = [_words(cell.explanations, text, example) for cell in (before, after)]
    return WorstText(example.id if example else text, old, new, *words)


def _words(explanations: Explanations | None, text: str, example: Example | None) -> str:
    """The features of highest score, whatever their sign."""
    if explanations is None or text not in explanations.texts:
        return ""
    scores, spans = explanations.of(text)
    told = []
    for place in np.argsort(-np.abs(scores), kind="stable")[:WORDS]:
        segment, start, end = (int(each) for each in spans[place])
        word = example.segments[segment][start:end] if example else f"{segment}:{start}-{end}"
        if segment < 0:  # a part of the network, which stands in no text
            word = f"part {place}"
        told.append(f"{word} {scores[place]:+.3g}")
    return ", ".join(told)
