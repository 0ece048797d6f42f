"""Which of the last hidden states a classification head reads: measured, not looked up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from .handling import Reads

NOTHING = 1e-6  # of the largest: no gradient


class LastStates:
    """What the body of the network returned in a forward: of all that return last states, the outermost module."""

    def __init__(self) -> None:
        self.module: nn.Module | None = None
        self.states: Tensor | None = None


@contextmanager
def last_states(network: nn.Module) -> Iterator[LastStates]:
    """Filled by a forward within."""
    found = LastStates()

    def note(module: nn.Module, given: Any, returned: Any) -> None:
        states = getattr(returned, "last_hidden_state", None)
        if isinstance(states, Tensor) and states.ndim == 3:
            found.module, found.states = module, states

    # the outermost module ends last
    hooks = [module.register_forward_hook(note) for module in network.modules()]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def reads_of(outputs: Float[Tensor, " outputs"], states: Tensor | None, real: Bool[Tensor, " tokens"]) -> Reads | None:
    """What the outputs of a batch's first row depend on; None where its states need a closer look.

    Args:
        states: of the whole batch, [batch, tokens, dim], from which the outputs were computed.
        real: the row's tokens that are no padding.
    """
    if states is None or not states.requires_grad:
        return "other"
    weights = torch.arange(1.0, len(outputs) + 1, dtype=outputs.dtype, device=outputs.device)
    (gradient,) = torch.autograd.grad((outputs * weights).sum(), states, allow_unused=True, retain_graph=True)
    if gradient is None:
        return "other"
    gradient = gradient[0][real].float()
    size = gradient.norm(dim=-1)
    read = (size > NOTHING * size.max()).nonzero().flatten().tolist()
    if len(read) == 1:
        ends: dict[int, Reads] = {0: "first", len(size) - 1: "last"}
        return ends.get(read[0], "other")
    if len(read) < len(size):
        return "other"
    return "mean" if (gradient - gradient.mean(0)).abs().max() <= 1e-3 * gradient.abs().max() else None


@contextmanager
def replaced_states(module: nn.Module, states: Tensor) -> Iterator[None]:
    """The module returns these last states."""

    def replace(module: nn.Module, given: Any, returned: Any) -> Any:
        returned["last_hidden_state"] = states
        return returned

    hook = module.register_forward_hook(replace)
    try:
        yield
    finally:
        hook.remove()


def probes(states: Float[Tensor, "tokens dim"]) -> Float[Tensor, "5 tokens dim"]:
    """The states; with one token's replaced by the mean; with another's; with both; and with these two exchanged."""
    one, other = 1, len(states) - 1
    mean = states.mean(0)
    made = states.repeat(5, 1, 1)
    made[1, one] = made[3, one] = made[2, other] = made[3, other] = mean
    made[4, one], made[4, other] = states[other], states[one]
    return made


def is_mean_of_parts(outputs: Float[Tensor, "5 outputs"]) -> bool:
    """Whether the outputs for `probes` are those of a mean over tokens: each adds its own part, whichever it is."""
    whole, one, other, both, exchanged = outputs
    scale = (whole - both).abs().max()
    additive = (whole - one - other + both).abs().max() <= 1e-3 * scale
    return bool(scale > 0 and additive and (whole - exchanged).abs().max() <= 1e-3 * scale)
