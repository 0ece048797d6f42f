"""Hidden linear layers in bfloat16 inside of a network that otherwise computes in float32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def in_mixed_precision(network: Any) -> Any:
    """The network, changed in place: half the memory, and rounded only where weights are multiplied.

    Hidden linear layers round what they are given and what they return; embeddings, normalisations, attention, what
    is passed on between blocks and the output layer are in float32. A quantizer that replaces those layers leaves
    nothing in bfloat16.
    """
    output = network.get_output_embeddings()
    for module in network.modules():
        if isinstance(module, nn.Linear) and module is not output:
            module.to(torch.bfloat16)
            module.register_forward_pre_hook(_rounded)
            module.register_forward_hook(_widened)
        else:
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.float()
    return network


def _rounded(layer: nn.Module, arguments: tuple[Tensor, ...]) -> Tensor:
    return arguments[0].to(torch.bfloat16)


def _widened(layer: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return output.float()
