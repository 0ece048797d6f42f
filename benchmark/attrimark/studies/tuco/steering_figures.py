"""Accuracy against α, drawn: what more or less of fine-tuning does to a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attrimark.document.figures import COLOURS
from attrimark.document.titles import set_title

from .steering import Steering

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def drawn(steering: Steering) -> Figure:
    """A curve with the interval at each α, and α = 1, the fine-tuned network, as a line."""
    from matplotlib.figure import Figure

    means = np.array([each.mean for each in steering.accuracies])
    ends = np.array([(each.low, each.high) for each in steering.accuracies])
    figure = Figure(figsize=(5.0, 3.2), layout="constrained")
    axis = figure.subplots()
    axis.errorbar(
        steering.alphas,
        means,
        yerr=np.abs(np.nan_to_num(ends - means[:, None])).T,
        marker="o",
        capsize=3,
        color=COLOURS[0],
    )
    axis.axvline(1, color="grey", linewidth=0.6)
    axis.set_ylim(0, 1.02)
    axis.set_xlabel("α: how often fine-tuning's contributions count", fontsize=9)
    axis.set_ylabel("accuracy", fontsize=9)
    axis.tick_params(labelsize=8)
    set_title(figure, steering.variant, 8)
    return figure
