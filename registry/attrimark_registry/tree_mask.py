"""What a tree's nodes look at, in the form that a network's attention takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .architecture import switches_with_length
from .token_tree import Standing, TokenTree, looks_at

KINDS = {"full_attention", "sliding_attention"}  # of layers, whose masks are known here


def takes_trees(network: Any) -> bool:
    """Whether the architecture says that it lets masks come from outside, and we know their form."""
    return (
        getattr(network, "_supports_attention_backend", False)
        and not switches_with_length(network)
        and network.config._attn_implementation in FORMS
        and set(_windows(network.config)) <= KINDS
    )


def tree_mask(
    network: Any, tree: TokenTree, nodes: Int[np.ndarray, " queries"], known: Int[np.ndarray, " keys"]
) -> Any:
    """What these nodes see of those whose keys and values are at hand, themselves among them.

    Networks whose layers differ take a mask for each kind of layer, in a dictionary.
    """
    made = FORMS[network.config._attn_implementation]
    masks = {kind: made(network, tree, nodes, known, window) for kind, window in _windows(network.config).items()}
    return masks if len(masks) > 1 else next(iter(masks.values()))


def _windows(config: Any) -> dict[str, int | None]:
    """For each kind of layer how many positions it looks back, itself included; None where all."""
    config = config.get_text_config()
    width = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None) or ["sliding_attention" if width else "full_attention"]
    return {kind: width if kind == "sliding_attention" else None for kind in kinds}


def _dense(
    network: Any, tree: TokenTree, nodes: np.ndarray, known: np.ndarray, window: int | None
) -> Float[Tensor, "1 1 queries keys"]:
    """0 where a query looks and the lowest number elsewhere: a boolean mask would be added as 0 and 1 in eager mode."""
    table = network.get_input_embeddings().weight
    seen = looks_at(tree.standing(nodes).at(np.s_[:, None]), tree.standing(known).at(np.s_[None, :]), window)
    mask = torch.zeros(seen.shape, dtype=table.dtype, device=table.device)
    return mask.masked_fill_(torch.from_numpy(~seen).to(table.device), torch.finfo(table.dtype).min)[None, None]


def _in_blocks(network: Any, tree: TokenTree, nodes: np.ndarray, known: np.ndarray, window: int | None) -> Any:
    """For FlexAttention, which passes over blocks in which nobody looks at anybody: other branches, mostly."""
    from torch.nn.attention.flex_attention import create_block_mask

    device = network.get_input_embeddings().weight.device
    query, key = (
        Standing(*(torch.from_numpy(column).to(device) for column in tree.standing(each))) for each in (nodes, known)
    )
    return create_block_mask(
        lambda batch, head, place, other: looks_at(query.at(place), key.at(other), window),
        B=None,
        H=None,
        Q_LEN=len(nodes),
        KV_LEN=len(known),
        device=device,
    )


FORMS = {"eager": _dense, "sdpa": _dense, "flex_attention": _in_blocks}  # by transformers' name of the attention
