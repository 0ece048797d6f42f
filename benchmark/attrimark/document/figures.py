"""Pictures of explanations: words' scores as bars or, over seeds, as box plots; and metrics with their intervals.

Drawn with matplotlib's `Figure` alone: no window, no global state. Colours are Okabe and Ito's, which colour-blind
readers can tell apart.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from attrimark_registry.errors import AttrimarkError
from jaxtyping import Float

from attrimark.statistics.intervals import Estimate

from .titles import set_panel_title, set_title, verbatim

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .section import Drawing

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
WORD_INCHES = 0.42  # room for a slanted word below each box
ABREAST = 3  # panels side by side
DPI = 150


def boxes(
    panels: Mapping[str, Float[np.ndarray, "seeds words"]], words: Sequence[str], title: str, scale: str
) -> Figure:
    """One panel a chain, one box a word: the quartiles of its score over seeds (whiskers: 1.5 interquartile ranges).

    Args:
        scale: what the scores are, for the axis.
    """
    from matplotlib.figure import Figure

    width = max(5.0, WORD_INCHES * len(words) + 1.2)
    figure = Figure(figsize=(width, 1.5 * len(panels) + 1.2), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for place, (axis, (name, scores)) in enumerate(zip(axes, panels.items(), strict=True)):
        drawn = axis.boxplot(scores, patch_artist=True, widths=0.6, flierprops={"markersize": 2.5})
        for box in drawn["boxes"]:
            box.set(facecolor=COLOURS[place % len(COLOURS)], alpha=0.7)
        for median in drawn["medians"]:
            median.set(color="black")
        axis.axhline(0, color="grey", linewidth=0.6)
        set_panel_title(axis, f"{name} · {len(scores)} seeds")
        axis.tick_params(labelsize=8)
    axes[-1].set_xticks(range(1, len(words) + 1), [verbatim(word) for word in words], rotation=45, ha="right")
    figure.supylabel(scale, fontsize=9)
    set_title(figure, title)
    return figure


def bars(values: Mapping[str, Mapping[str, Estimate]], title: str) -> Figure:
    """One panel a metric, one bar a chain, with its interval.

    Args:
        values: by the metric's display name, then by chain.
    """
    from matplotlib.figure import Figure

    rows, most = -(-len(values) // ABREAST), max(map(len, values.values()))
    size = 2.6 * min(ABREAST, len(values)) + 1, (2.2 + 0.2 * most) * rows
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, min(ABREAST, len(values)), squeeze=False).ravel()
    for unused in axes[len(values) :]:
        unused.remove()
    for axis, (metric, by_chain) in zip(axes, values.items(), strict=False):
        heights = [each.mean if np.isfinite(each.mean) else 0.0 for each in by_chain.values()]
        ends = [_ends(each) for each in by_chain.values()]
        axis.bar(
            range(len(heights)),
            heights,
            color=[COLOURS[place % len(COLOURS)] for place in range(len(heights))],
            yerr=np.array(ends).T,
            capsize=3,
        )
        axis.set_xticks(range(len(heights)), [verbatim(name) for name in by_chain], rotation=45, ha="right", fontsize=8)
        set_panel_title(axis, metric, min(ABREAST, len(values)))
        axis.tick_params(axis="y", labelsize=8)
    set_title(figure, title)
    return figure


def word_bars(panels: Mapping[str, Float[np.ndarray, " words"]], words: Sequence[str], title: str) -> Figure:
    """One panel a method, to its own scale, and one bar a word: what supports the decision, and what opposes it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(5.0, WORD_INCHES * len(words) + 1.2), 1.1 * len(panels) + 1.2), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (name, scores) in zip(axes, panels.items(), strict=True):
        axis.bar(range(len(words)), scores, color=[COLOURS[0] if score >= 0 else COLOURS[1] for score in scores])
        axis.axhline(0, color="grey", linewidth=0.6)
        set_panel_title(axis, name)
        axis.tick_params(labelsize=8)
    axes[-1].set_xticks(range(len(words)), [verbatim(word) for word in words], rotation=45, ha="right")
    figure.supylabel("score", fontsize=9)
    set_title(figure, title)
    return figure


def save(figure: Figure, folder: Path, name: str, endings: Sequence[str] = ("svg", "png")) -> list[Path]:
    """The figure as files of those kinds; the same figure gives the same files.

    Raises:
        AttrimarkError: the folder cannot be written to.
    """
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    paths = [folder / f"{stem}.{ending}" for ending in endings]
    for path in paths:
        save_as(figure, path, name)
    return paths


def settled(figure: Figure) -> Figure:
    """The same figure with its layout done: drawn again, nothing in it moves."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return figure


def save_drawings(drawings: Iterable[Drawing], folder: Path, endings: Sequence[str] = ("svg", "png")) -> list[Path]:
    """Every drawing as files of those kinds.

    Raises:
        AttrimarkError: the folder cannot be written to.
    """
    return [path for each in drawings for path in save(settled(each.figure), folder, each.name, endings)]


def save_as(figure: Figure, path: Path, name: str | None = None) -> None:
    """The figure as one file, of the kind that its ending says (svg, png, pdf); its folder is made.

    Raises:
        AttrimarkError: it cannot be written, or no figure has such an ending.
    """
    import matplotlib

    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    ending = path.suffix.removeprefix(".").lower()
    if path.is_symlink():
        raise AttrimarkError(f"{path} is a link, and links are not followed: remove it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            matplotlib.rc_context({"svg.hashsalt": "attrimark", "svg.fonttype": "none"}),
            warnings.catch_warnings(),
        ):
            # a character that no font here has is drawn as a box; in an SVG the reader's own fonts may have it
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            figure.savefig(path, dpi=DPI, metadata={**dated.get(ending, {}), "Title": name or path.stem})
    except OSError as error:
        raise AttrimarkError(f"{path}: the figure could not be written: {error.strerror}") from error
    except ValueError as error:
        raise AttrimarkError(f"{path}: the figure could not be written: {error}") from error


def _ends(estimate: Estimate) -> tuple[float, float]:
    """How far the interval reaches below and above the mean; nothing where there is none."""
    ends = estimate.mean - estimate.low, estimate.high - estimate.mean
    return (max(0.0, ends[0]), max(0.0, ends[1])) if np.isfinite(ends).all() else (0.0, 0.0)
