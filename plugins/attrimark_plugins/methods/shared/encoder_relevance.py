"""Relevance back through a BERT-class encoder and its head, from a label to the attention of every block.

Softmax, GELU, tanh, dropout and normalisation pass on what they get (Chefer, Gur & Wolf, CVPR 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from attrimark_registry import Batch, Unsupported, at_least_float32
from jaxtyping import Float
from torch import Tensor, nn

from .attentions import Attention
from .effective_weight import effective_weight
from .relevance import through_linear, through_mean, through_product, through_sum

BLOCKS = ("BertLayer", "RobertaLayer", "CamembertLayer", "XLMRobertaLayer")
# where the head's hidden layer and its output layer are, by the class that holds both
HEADS = {
    "Head": ("dense", "out_proj"),
    "RobertaClassificationHead": ("dense", "out_proj"),
    "CamembertClassificationHead": ("dense", "out_proj"),
    "XLMRobertaClassificationHead": ("dense", "out_proj"),
    "BertForSequenceClassification": ("bert.pooler.dense", "classifier"),
}


@dataclass(frozen=True)
class Call:
    """What a module was given and what it gave, in float32 or better."""

    inputs: Float[Tensor, "batch *tokens in"]
    outputs: Float[Tensor, "batch *tokens out"]


Calls = Mapping[nn.Module, Call]


@dataclass(frozen=True)
class Parts:
    """What relevance goes back through: the blocks, first to last, and the two linear layers of the head."""

    blocks: tuple[Any, ...]
    hidden: nn.Module
    logits: nn.Module

    @classmethod
    def of(cls, network: nn.Module) -> Parts:
        """The parts of a network.

        Raises:
            Unsupported: its blocks or its head are of a class that no rule is known for.
        """
        blocks = tuple(module for module in network.modules() if type(module).__name__ in BLOCKS)
        heads = [module for module in network.modules() if type(module).__name__ in HEADS]
        if not blocks or not heads:
            raise Unsupported(
                f"lrp has no rules for {type(network).__name__}: it knows blocks of the classes {', '.join(BLOCKS)} "
                f"under a head of the classes {', '.join(HEADS)}"
            )
        head = heads[-1]  # where adapters come with a head of their own, it stands after the one that it replaces
        hidden, logits = (head.get_submodule(path) for path in HEADS[type(head).__name__])
        return cls(blocks, hidden, logits)

    @contextmanager
    def recorded(self) -> Iterator[dict[nn.Module, Call]]:
        """Filled by a forward within with what each linear layer, and the last block, is given and gives."""
        calls: dict[nn.Module, Call] = {}
        modules = [self.hidden, self.logits, self.blocks[-1].output]
        for block in self.blocks:
            seen = block.attention.self
            modules += [seen.query, seen.key, seen.value, block.attention.output.dense]
            modules += [block.intermediate.dense, block.output.dense]
        hooks = [module.register_forward_hook(partial(_keep, calls)) for module in modules]
        try:
            yield calls
        finally:
            for hook in hooks:
                hook.remove()


def _keep(calls: dict[nn.Module, Call], module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
    calls[module] = Call(at_least_float32(args[0].detach()), at_least_float32(output.detach()))


def attention_relevance(
    parts: Parts, calls: Calls, weights: Sequence[Attention], batch: Batch, mean: bool, first: int = 0
) -> tuple[list[Attention], Float[Tensor, "stages batch"]]:
    """The relevance of attention weights, and each text's total after every stage, which should be 1.

    Args:
        calls: what `recorded` holds after a forward of the batch.
        weights: of every block.
        mean: the head reads the mean over tokens, not the first token.
        first: where to stop: what comes out is of the blocks from this one to the last.
    """
    relevance, totals = _through_head(parts, calls, batch, mean)
    found: list[Attention] = []
    for place in range(len(parts.blocks) - 1, first - 1, -1):
        relevance, of_weights, more = _through_block(parts.blocks[place], calls, weights[place], relevance)
        found.insert(0, of_weights)
        totals += more
    return found, torch.stack(totals)


def _through_head(
    parts: Parts, calls: Calls, batch: Batch, mean: bool
) -> tuple[Float[Tensor, "batch tokens dim"], list[Tensor]]:
    """From one unit at each text's target to the last hidden states."""
    label = torch.zeros_like(calls[parts.logits].outputs)
    for line, row in zip(label, batch.rows, strict=True):
        if row.target is not None:
            line[list(row.target.chosen)] = 1 / len(row.target.chosen)
    hidden = _linear(parts.logits, calls, label)
    pooled = _linear(parts.hidden, calls, hidden)
    states = calls[parts.blocks[-1].output].outputs
    if mean:
        relevance = through_mean(pooled, states, batch.attention_mask.to(states.dtype))
    else:
        relevance = torch.zeros_like(states)
        relevance[:, 0] = pooled
    return relevance, [_total(hidden), _total(pooled), _total(relevance)]


def _through_block(
    block: Any, calls: Calls, weights: Attention, relevance: Float[Tensor, "batch tokens dim"]
) -> tuple[Float[Tensor, "batch tokens dim"], Attention, list[Tensor]]:
    """From a block's output to its input, past its attention weights."""
    attention, mixing = block.attention.self, block.attention.output.dense
    query, key, value = attention.query, attention.key, attention.value
    rising, falling = block.intermediate.dense, block.output.dense
    heads = weights.shape[1]

    fed, passed = through_sum(relevance, calls[falling].outputs, calls[rising].inputs)
    inner = _linear(falling, calls, fed)
    between = _linear(rising, calls, inner) + passed

    mixed, kept = through_sum(between, calls[mixing].outputs, calls[query].inputs)
    context = _linear(mixing, calls, mixed)
    of_weights, of_value = through_product(_split(context, heads), weights, _split(calls[value].outputs, heads))
    # the scale and the mask of the scores are no part of the product
    queries, keys = _split(calls[query].outputs, heads), _split(calls[key].outputs, heads)
    of_query, of_key = through_product(of_weights, queries, keys.mT)
    given = (
        kept
        + _linear(query, calls, _joined(of_query))
        + _linear(key, calls, _joined(of_key.mT))
        + _linear(value, calls, _joined(of_value))
    )

    stages = (
        (fed, passed),
        (inner, passed),
        (between,),
        (mixed, kept),
        (context, kept),
        (of_weights, of_value, kept),
        (of_query, of_key, of_value, kept),
        (given,),
    )
    return given, of_weights, [_total(*stage) for stage in stages]


def _linear(layer: nn.Module, calls: Calls, relevance: Float[Tensor, "*places out"]) -> Float[Tensor, "*places in"]:
    return through_linear(relevance, calls[layer].inputs, effective_weight(layer))


def _split(joined: Float[Tensor, "batch tokens dim"], heads: int) -> Float[Tensor, "batch heads tokens part"]:
    return joined.unflatten(-1, (heads, -1)).transpose(1, 2)


def _joined(split: Float[Tensor, "batch heads tokens part"]) -> Float[Tensor, "batch tokens dim"]:
    return split.transpose(1, 2).flatten(2)


def _total(*held: Float[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
    return sum((each.flatten(1).sum(1) for each in held[1:]), start=held[0].flatten(1).sum(1))
