"""What a network's configuration and modules say of it: blocks, limits, positions, and what its forward accepts."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import nn

from .errors import Unsupported
from .network_kinds import depends_on_length

NO_LIMIT = 10**9  # tokens: where neither network nor tokenizer names a limit


def text_config(network: Any) -> Any:
    """The configuration of the part that reads text: of models of several modalities, an inner one."""
    config = network.config
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def accepted(network: Any) -> frozenset[str] | None:
    """Names that the network's forward takes as arguments; what disappears in `**kwargs` is not among them.

    A wrapper of peft's passes on what the network inside takes. None of one that names no ids among its arguments, and
    so passes on whatever it is given.
    """
    forwards = [network.forward, *([network.get_base_model().forward] if hasattr(network, "get_base_model") else [])]
    names = frozenset(name for forward in forwards for name in inspect.signature(forward).parameters)
    return names if "input_ids" in names else None


def longest_of(network: Any) -> int:
    """How many positions the network has; NO_LIMIT where positions are relative, or no number is given.

    XLNet gives -1, BLOOM and Mamba nothing at all.
    """
    positions = getattr(text_config(network), "max_position_embeddings", None)
    return positions if isinstance(positions, int) and positions > 0 else NO_LIMIT


def first_position(network: nn.Module) -> int:
    """RoBERTa's positions start after its padding index (marked in the table of positions); others at 0."""
    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            return 0 if module.padding_idx is None else module.padding_idx + 1
    return 0


def blocks_of(network: Any) -> list[nn.Module]:
    """The transformer blocks in the order in which a forward calls them; a block that layers share counts each time.

    Raises:
        Unsupported: no list of `num_hidden_layers` modules was found, or two stacks of blocks make the network.
    """
    config = text_config(network)
    depth = getattr(config, "num_hidden_layers", None)
    kind = type(network).__name__
    if getattr(config, "is_encoder_decoder", False):
        raise Unsupported(f"{kind} has an encoder and a decoder, and what follows blocks follows one stack")
    if not isinstance(depth, int):
        raise Unsupported(f"the configuration of {kind} does not say how many blocks it has")
    groups = getattr(config, "num_hidden_groups", None)
    for name, module in network.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth and not isinstance(groups, int):
            return list(module.children())
        if isinstance(groups, int) and name.endswith("albert_layer_groups"):
            return _shared_among_layers(module, depth, groups)
    raise Unsupported(f"{kind} has no list of {depth} blocks")


def _shared_among_layers(module: Any, depth: int, groups: int) -> list[nn.Module]:
    """ALBERT's: each group of blocks is called for a run of layers (Lan et al., arXiv 1909.11942)."""
    runs = [list(module[int(layer / (depth / groups))].albert_layers) for layer in range(depth)]
    return [block for run in runs for block in run]


def distinct(blocks: Sequence[nn.Module]) -> list[nn.Module]:
    """Each module once, in order: to be hooked or patched."""
    return list({id(block): block for block in blocks}.values())


def switches_with_length(network: Any) -> bool:
    """Whether the numbers of a call depend on its longest row, so that rows of several lengths must not share one."""
    config = text_config(network)
    return depends_on_length(config.to_dict() if hasattr(config, "to_dict") else vars(config))


def forget_lengths(network: nn.Module) -> None:
    """As the network is before any call: some keep what the longest call, or a short one, made of them."""
    for module in network.modules():
        for name in [each for each in vars(module) if each.endswith("max_seq_len_cached")]:
            prefix = name.removesuffix("max_seq_len_cached")
            setattr(module, name, module.original_max_seq_len)
            # a copy: longer rows overwrite the frequencies in place
            first = getattr(module, f"{prefix}original_inv_freq").clone()
            module.register_buffer(f"{prefix}inv_freq", first, persistent=False)
    for module in list(network.modules()):  # a list, for modules are exchanged
        configured: Any = getattr(getattr(module, "config", None), "attention_type", None)
        restore: Any = getattr(module, "set_attention_type", None)
        if restore and configured and getattr(module, "attention_type", configured) != configured:
            restore(configured)
