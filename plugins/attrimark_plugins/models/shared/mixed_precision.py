"""Linear layers that multiply in fewer bits inside of a network that otherwise computes in float32."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


def in_mixed_precision(network: Any) -> Any:
    """The network, changed in place: half the memory, and rounded only where weights are multiplied.

    Hidden linear layers are in bfloat16 (see `multiplying_in`); embeddings, normalisations, attention, what is passed
    on between blocks and the output layer are in float32. A quantizer that replaces those layers leaves nothing in
    bfloat16.
    """
    output = network.get_output_embeddings()
    for module in network.modules():
        if isinstance(module, nn.Linear) and module is not output:
            multiplying_in(torch.bfloat16, module)
        else:
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.float()
    return network


def multiplying_in(dtype: torch.dtype, layer: nn.Linear) -> nn.Linear:
    """The layer, changed in place: it rounds its weights, what it is given and what it returns (then float32 again)."""
    layer.to(dtype)
    layer.register_forward_pre_hook(partial(_rounded, dtype))
    layer.register_forward_hook(_widened)
    return layer


def _rounded(dtype: torch.dtype, layer: nn.Module, arguments: tuple[Tensor, ...]) -> Tensor:
    return arguments[0].to(dtype)


def _widened(layer: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return output.float()
