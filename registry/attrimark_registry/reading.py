"""Raw outputs read as the one scalar that is explained."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .encoding import Target
from .errors import Unsupported

Reading = Literal["log-odds", "logit", "probability", "log-probability", "decision"]

# not read of raw outputs: the index of the label in what a prompted model writes when left free, or NO_LABEL
Answer = Literal["answer"]
NO_LABEL = -1


def read_labels(
    outputs: Float[Tensor, "batch labels"], targets: list[Target], reading: Reading
) -> Float[Tensor, " batch"]:
    """A classifier's outputs, read.

    `log-odds` is log p − log(1 − p) over the labels. A vector added to every label's logit changes no
    probability, hence no log-odds; it does change a `logit`, which is here for parity with papers that explain
    it. `decision` is 1 where the most probable label is the target.
    """
    return read_chosen_labels(outputs, chosen_of(outputs, targets), reading)


def read_chosen_labels(
    outputs: Float[Tensor, "batch labels"], chosen: Bool[Tensor, "batch labels"], reading: Reading
) -> Float[Tensor, " batch"]:
    """As `read_labels`, the targets given as a mask."""
    if reading == "logit":
        return (outputs * chosen).sum(-1)
    if reading == "decision":
        return chosen.gather(-1, outputs.argmax(-1, keepdim=True)).squeeze(-1).to(outputs.dtype)
    inside = outputs.masked_fill(~chosen, -torch.inf).logsumexp(-1)
    if reading == "log-odds":
        return inside - outputs.masked_fill(chosen, -torch.inf).logsumexp(-1)
    log_probability = inside - outputs.logsumexp(-1)
    return log_probability if reading == "log-probability" else log_probability.exp()


def read_continuation(
    outputs: Float[Tensor, "batch steps"], targets: list[Target], reading: Reading
) -> Float[Tensor, " batch"]:
    """A writer's outputs (log p of each token written), read.

    Σ log p of the chosen tokens; `probability` is exp of their *mean*, else it vanishes with length.

    Raises:
        Unsupported: `decision`, which needs labels to decide between.
    """
    return read_chosen_steps(outputs, chosen_of(outputs, targets), reading)


def read_chosen_steps(
    outputs: Float[Tensor, "batch steps"], chosen: Bool[Tensor, "batch steps"], reading: Reading
) -> Float[Tensor, " batch"]:
    """As `read_continuation`, the targets given as a mask."""
    if reading == "decision":
        raise Unsupported("a continuation has no decision to read: use the probability or the log-probability")
    total = (outputs * chosen).sum(-1)
    if reading in ("log-odds", "logit", "log-probability"):
        return total
    return (total / chosen.sum(-1)).exp()


def chosen_of(outputs: Float[Tensor, "batch outputs"], targets: list[Target]) -> Bool[Tensor, "batch outputs"]:
    """Which of the outputs each row's target sums."""
    chosen = torch.zeros_like(outputs, dtype=torch.bool)
    for line, target in zip(chosen, targets, strict=True):
        line[list(target.chosen)] = True
    return chosen


def at_least_float32(outputs: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Half-precision outputs in float32; others as they are."""
    return outputs.float() if outputs.element_size() < 4 else outputs
