"""The layer whose outputs are a classifier's logits."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from attrimark_registry import AttrimarkError
from torch import Tensor, nn

_PROBES = ("A gorgeous, witty film.", "1")


def output_layers(network: Any) -> Iterator[tuple[str, nn.Linear]]:
    """Name and layer of those that may be it: linear, with as many outputs as there are labels; the last one first."""
    for name, module in reversed(list(network.named_modules())):
        if isinstance(module, nn.Linear) and module.out_features == network.config.num_labels:
            yield name, module


@torch.no_grad()
def reorder(network: nn.Module, tokenizer: Any, order: Sequence[int]) -> None:
    """Put the rows of the output layer into another order, in place: output i becomes output order[i].

    The layer is known by what the network answers to a text, called plainly, before and after.

    Raises:
        AttrimarkError: the network cannot be called plainly, or none of its layers is the one.
    """
    rows = list(order)
    network.eval()
    try:
        before = _logits(network, tokenizer)
        for _, layer in output_layers(network):
            for parameter in layer.parameters():
                parameter.copy_(parameter[rows])
            if torch.allclose(_logits(network, tokenizer), before[:, rows], atol=1e-5, rtol=1e-4):
                return
            for parameter in layer.parameters():
                parameter.copy_(parameter[torch.tensor(rows).argsort()])
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise AttrimarkError(
            f"{type(network).__name__} could not be called with a text, {error}: its outputs cannot be put into the "
            "dataset's order"
        ) from error
    raise AttrimarkError(
        f"the outputs of {type(network).__name__} cannot be put into the dataset's order: name the dataset's labels in "
        "the network's order"
    )


def _logits(network: Any, tokenizer: Any) -> Tensor:
    """One row of logits for each probe."""
    accepted = inspect.signature(network.forward).parameters
    rows = [tokenizer(probe, return_tensors="pt", verbose=False) for probe in _PROBES]
    return torch.cat(
        [network(**{name: value for name, value in row.items() if name in accepted}).logits for row in rows]
    )
