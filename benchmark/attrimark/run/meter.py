"""Counts a network's passes while somebody else uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from attrimark_registry.model import Model


@dataclass
class Passes:
    """Rows that went through the network, one way and the other."""

    forwards: int = 0
    backwards: int = 0


@contextmanager
def counted(model: Model) -> Iterator[Passes]:
    """Count rows forwards and backwards until the context ends, also through the network it was fine-tuned from."""
    passes = Passes()

    def forward(module: torch.nn.Module, args: object, output: object) -> None:
        logits: torch.Tensor = output.logits  # pyright: ignore[reportAttributeAccessIssue]
        rows = logits.shape[0]
        passes.forwards += rows
        if logits.requires_grad:
            logits.register_hook(lambda gradient: _add_backwards(passes, rows))

    networks = {id(each.network): each.network for each in (model, model.pretrained) if each}
    hooks = [network.register_forward_hook(forward) for network in networks.values()]
    try:
        yield passes
    finally:
        for hook in hooks:
            hook.remove()


def _add_backwards(passes: Passes, rows: int) -> None:
    passes.backwards += rows
