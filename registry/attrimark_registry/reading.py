"""Raw outputs read as the one scalar that is explained."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from .encoding import Target
from .errors import Unsupported

Reading = Literal["log-odds", "logit", "probability", "log-probability", "decision"]
# how a classification head turns its outputs into decisions: one label of all; each label for itself; none, one score
Head = Literal["softmax", "sigmoid", "scalar"]

# not read of raw outputs: the index of the label in what a prompted model writes when left free, or NO_LABEL
Answer = Literal["answer"]
NO_LABEL = -1


ONE_OUTPUT = (
    'a softmax over one output is always 1: say head = "sigmoid" where it was trained as the log-odds of one class, or '
    'head = "scalar" for a score'
)
NO_CLASS = (
    "this head gives one score and decides between no classes, so it has no {reading}: read its logit, or say "
    'head = "sigmoid" where it was trained as the log-odds of one class'
)


def head_of(config: Any) -> Head:
    """The kind of head that a network's configuration names by `problem_type` and `num_labels`.

    One output is a score (a reward, a relevance, a regression), unless it is said to be the log-odds of one class.
    """
    if getattr(config, "problem_type", None) == "multi_label_classification":
        return "sigmoid"
    return "scalar" if config.num_labels == 1 or getattr(config, "problem_type", None) == "regression" else "softmax"


def read_labels(
    outputs: Float[Tensor, "batch labels"], targets: list[Target], reading: Reading, head: Head = "softmax"
) -> Float[Tensor, " batch"]:
    """A classifier's outputs, read.

    Of a softmax, `log-odds` is log p − log(1 − p) over the labels. A vector added to every label's logit changes no
    probability, hence no log-odds; it does change a `logit`, which is here for parity with papers that explain
    it. `decision` is 1 where the most probable label is the target.

    Of a sigmoid head each label is a decision of its own: its log-odds are its logit, and it holds where they are
    above 0. Of a single score both are the score.

    Raises:
        Unsupported: a single score is read as a class.
    """
    return read_chosen_labels(outputs, chosen_of(outputs, targets), reading, head)


def read_chosen_labels(
    outputs: Float[Tensor, "batch labels"],
    chosen: Bool[Tensor, "batch labels"],
    reading: Reading,
    head: Head = "softmax",
) -> Float[Tensor, " batch"]:
    """As `read_labels`, the targets given as a mask."""
    if head != "softmax":
        return _read_logit((outputs * chosen).sum(-1), reading, head)
    if reading == "logit":
        return (outputs * chosen).sum(-1)
    if reading == "decision":
        return chosen.gather(-1, outputs.argmax(-1, keepdim=True)).squeeze(-1).to(outputs.dtype)
    inside = outputs.masked_fill(~chosen, -torch.inf).logsumexp(-1)
    if reading == "log-odds":
        return inside - outputs.masked_fill(chosen, -torch.inf).logsumexp(-1)
    log_probability = inside - outputs.logsumexp(-1)
    return log_probability if reading == "log-probability" else log_probability.exp()


def _read_logit(logit: Float[Tensor, " batch"], reading: Reading, head: Head) -> Float[Tensor, " batch"]:
    """One output that is no share of a whole."""
    if reading in ("log-odds", "logit"):
        return logit
    if head == "scalar":
        raise Unsupported(NO_CLASS.format(reading=reading))
    if reading == "decision":
        return (logit > 0).to(logit.dtype)
    log_probability = nn.functional.logsigmoid(logit)
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
