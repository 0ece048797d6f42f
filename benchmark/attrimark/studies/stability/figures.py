"""The figures of a suite over seeds: box plots of each word's score, and bars of each metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attrimark.document.figures import bars, boxes, save
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
    """

    method: str
    about: str
    shows: Literal["words", "metrics"]
    name: str
    figure: Figure


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
        drawn = bars(over_texts, f"{method}: over seeds, all texts")
        yield Picture(method, "all texts", "metrics", f"{method} metrics", drawn)


def write_figures(found: Sequence[Stability], folder: Path, with_words: bool = True) -> list[Path]:
    """All pictures as SVG and PNG, in one folder for each dataset and model."""
    written: list[Path] = []
    for place, stability in enumerate(found, start=1):
        variant = stability.populations[0].variant
        inside = folder / f"{place}-{variant.dataset.name}-{variant.model.name}"
        for picture in pictures(stability, with_words):
            written += save(picture.figure, inside, picture.name)
    return written


def _of_text(
    method: str, which: str, stacks: Mapping[str, Stack], variations: Mapping[str, Variation]
) -> Iterator[Picture]:
    first = next(iter(stacks.values()))
    told = f"the {which} text, {first.example.id}"
    panels = {steps: stack.scores.mean(axis=1) for steps, stack in stacks.items()}
    words = boxes(panels, [each.text for each in first.features], f"{method}: {told}, for {first.explained}", "score")
    yield Picture(method, told, "words", f"{method} {which} words", words)
    metrics = _by_metric({steps: each.by_text[first.example.id] for steps, each in variations.items()})
    yield Picture(method, told, "metrics", f"{method} {which} metrics", bars(metrics, f"{method}: {told}, over seeds"))


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
