"""Where in the network fine-tuning contributes: contributions block by block, averaged over the prompts of a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from attrimark_registry.attribution import Attribution
from jaxtyping import Float

from attrimark.document.figures import COLOURS
from attrimark.document.titles import set_panel_title, set_title
from attrimark.results.results import Results
from attrimark.suite.matrix import of_components

from .detection import classes_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVERY = "all texts"


@dataclass(frozen=True, eq=False)
class Profile:
    """Mean scores of a network's parts.

    Attributes:
        parts: their names, such as "block 3 · fine-tuning".
        means: by the class of the prompts.
    """

    variant: str
    method: str
    parts: tuple[str, ...]
    means: Mapping[str, Float[np.ndarray, " parts"]]

    def kinds(self) -> dict[str, list[int]]:
        """Places of the parts by what follows the dot in their names, block by block."""
        places: dict[str, list[int]] = {}
        for place, name in enumerate(self.parts):
            places.setdefault(name.rpartition(" · ")[2], []).append(place)
        return places


def profiles(results: Results) -> list[Profile]:
    """One for each stored explanation by parts of a network."""
    made = []
    for cell in results.cells:
        record = results.ok(cell)
        if of_components(cell.method) and record and record.bundle:
            attributions = results.attributions(record)
            classes = classes_of(cell.variant.examples)
            parts = tuple(each.text for each in attributions[0].features)
            made.append(Profile(str(cell.variant), str(cell.method), parts, _means(attributions, classes)))
    return made


def drawn(profile: Profile) -> Figure:
    """A panel for each kind of contribution, a line for each class of prompts."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    kinds = profile.kinds()
    figure = Figure(figsize=(6.0, 2.2 * len(kinds) + 0.6), layout="constrained")
    axes = figure.subplots(len(kinds), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (kind, places) in zip(axes, kinds.items(), strict=True):
        for number, (name, means) in enumerate(profile.means.items()):
            colour = COLOURS[number % len(COLOURS)]
            axis.plot(range(1, len(places) + 1), means[places], marker=".", color=colour, label=name)
        set_panel_title(axis, kind)
        axis.set_ylim(bottom=0)
        axis.tick_params(labelsize=8)
    axes[0].legend(fontsize=8)
    axes[-1].set_xlabel("block", fontsize=9)
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.supylabel("norm at the last token", fontsize=9)
    set_title(figure, profile.variant, 8)
    return figure


def _means(
    attributions: Sequence[Attribution], classes: Mapping[str, Sequence[str]]
) -> dict[str, Float[np.ndarray, " parts"]]:
    scores = {each.example.id: each.scores.astype(np.float64) for each in attributions}
    if not classes:
        return {EVERY: np.mean(list(scores.values()), axis=0)}
    found = {name: [scores[text] for text in texts if text in scores] for name, texts in classes.items()}
    return {name: np.mean(each, axis=0) for name, each in found.items() if each}
