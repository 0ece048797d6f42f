"""The figures of a suite over seeds: box plots of each word's score, and bars of each metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from attrimark.document.figures import bars, boxes
from attrimark.statistics.intervals import Estimate

from .population import Population, Stack
from .stability import Stability, Variation

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure of one method over seeds.

    Attributes:
        about: which texts.
        shows: "words" or "metrics".
        name: of its files.
        draw: draws it.
    """

    method: str
    about: str
    shows: Literal["words", "metrics"]
    name: str
    draw: Callable[[], Figure]


def pictures(stability: Stability, with_words: bool = True) -> Iterator[Picture]:
    """For each method, on the shortest and on the longest text: every word's scores over seeds, and the metrics with
    their intervals; then the metrics over all texts.

    Args:
        with_words: without, only what shows no text.
    """
    for method in dict.fromkeys(each.method for each in stability.variations):
        variations = {each.steps: each for each in stability.variations if each.method == method}
        populations = {each.steps: each for each in stability.populations if str(each.method) == method}
        for which, stacks in _ends(populations) if with_words else ():
            yield from _of_text(method, which, stacks, variations)
        over_texts = _by_metric({steps: each.values for steps, each in variations.items()})
        draw = partial(bars, over_texts, f"{method}: over seeds, all texts")
        yield Picture(method, "all texts", "metrics", f"{method} metrics", draw)


def _of_text(
    method: str, which: str, stacks: Mapping[str, Stack], variations: Mapping[str, Variation]
) -> Iterator[Picture]:
    first = next(iter(stacks.values()))
    told = f"the {which} text, {first.example.id}"
    panels = {steps: stack.scores.mean(axis=1) for steps, stack in stacks.items()}
    names, title = [each.text for each in first.features], f"{method}: {told}, for {first.explained}"
    yield Picture(method, told, "words", f"{method} {which} words", partial(boxes, panels, names, title, "score"))
    metrics = _by_metric({steps: each.by_text[first.example.id] for steps, each in variations.items()})
    draw = partial(bars, metrics, f"{method}: {told}, over seeds")
    yield Picture(method, told, "metrics", f"{method} {which} metrics", draw)


def _ends(populations: Mapping[str, Population]) -> Iterator[tuple[str, Mapping[str, Stack]]]:
    """The shortest and the longest text that every chain explained, with their stacks."""
    tables = {steps: {stack.example.id: stack for stack in each.stacks} for steps, each in populations.items()}
    first = next(iter(tables.values()))
    shared = [text for text in first if all(text in table for table in tables.values())]
    ordered = sorted(shared, key=lambda text: len(first[text].features))
    if ordered:
        for which, text in (("shortest", ordered[0]), ("longest", ordered[-1])):
            yield which, {steps: table[text] for steps, table in tables.items()}


def _by_metric(by_chain: Mapping[str, Mapping[str, Estimate]]) -> dict[str, dict[str, Estimate]]:
    metrics = next(iter(by_chain.values()))
    return {name: {steps: values[name] for steps, values in by_chain.items()} for name in metrics}
