"""What attention methods share: the weights of each block, their gradients, and the rows that the head reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from attrimark_registry import Batch, Classifier, Model, Reading, Unsupported, at_least_float32
from attrimark_registry.architecture import distinct
from attrimark_registry.handling import Reads
from jaxtyping import Float
from torch import Tensor, nn

from .contributions import last_tokens
from .value_gradient import value

# batch × heads × queries × keys, after the softmax: a query's weights sum to 1
Attention = Float[Tensor, "batch heads tokens tokens"]


def attentions(model: Model, batch: Batch) -> list[Attention]:
    """The attention weights of each block, first to last, in float32 or better.

    Raises:
        Unsupported: the model is no encoder, or its blocks return no attention weights.
    """
    with _collected(model) as found, torch.no_grad():
        model.outputs(batch)
    return [at_least_float32(weights) for weights in _complete(model, batch, found)]


def attentions_and_gradients(model: Model, batch: Batch, reading: Reading) -> tuple[list[Attention], list[Attention]]:
    """The attention weights of each block and ∂ value / ∂ weights, first block to last, in float32 or better.

    Nothing is left on the network's parameters.

    Raises:
        Unsupported: as `attentions` does; the reading is a decision, which is flat wherever it does not jump.
    """
    if reading == "decision":
        raise Unsupported("a decision has no gradient: explain the log-odds or the probability")
    # parameters are frozen, so a graph begins at the embeddings or nowhere
    embeddings = model.embed(batch).detach().requires_grad_(True)
    with _collected(model) as found, torch.enable_grad():
        total = value(model, batch, embeddings, reading).sum()
    weights = _complete(model, batch, found)
    gradients = torch.autograd.grad(total, weights)
    return [at_least_float32(each.detach()) for each in weights], [at_least_float32(each) for each in gradients]


def rows_read(
    model: Model, batch: Batch, matrix: Float[Tensor, "batch tokens tokens"]
) -> Float[Tensor, "batch tokens"]:
    """The row of the token that the head reads, the first or the last; or the mean of rows, where it reads the mean."""
    reads = reads_of(model)
    if reads == "first":
        return matrix[torch.arange(len(batch)), batch.real.int().argmax(-1)]
    if reads == "last":
        return last_tokens(matrix, batch.real)
    read = batch.attention_mask.to(matrix.dtype)
    return torch.einsum("bq,bqk->bk", read, matrix) / read.sum(-1, keepdim=True)


def reads_of(model: Model) -> Reads:
    """The last states that the head reads: as measured, else as our own heads say.

    Raises:
        Unsupported: others than one token's or their mean.
    """
    reads: Reads = model.handling.reads or getattr(model.network, "pooling", "first")
    if reads == "other":
        raise Unsupported(model.handling.refused["attentions"])
    return reads


@contextmanager
def _collected(model: Model) -> Iterator[list[Tensor]]:
    """The attention weights of a forward within, in the order of its blocks; attention is plain while it lasts."""
    causal = any(getattr(module, "is_causal", False) for block in model.blocks() for module in block.modules())
    if causal or not isinstance(model, Classifier):
        raise Unsupported("attention methods explain encoders, whose head reads the first token or the mean of all")
    if model.altered:
        raise Unsupported("two networks' blocks make what this model computes, and attention methods follow one only")
    reads_of(model)
    found: list[Tensor] = []
    hooks = []
    for block in distinct(model.blocks()):  # layers may share a block, which is then called once for each
        hooks.append(block.register_forward_pre_hook(partial(_begin, seen := [])))
        hooks += [module.register_forward_hook(partial(_keep_weights, found, seen)) for module in block.modules()]
    try:
        with model.eager():
            yield found
    finally:
        for hook in hooks:
            hook.remove()


def _begin(seen: list[Tensor], block: nn.Module, args: object) -> None:
    seen.clear()


def _keep_weights(found: list[Tensor], seen: list[Tensor], module: nn.Module, args: object, output: object) -> None:
    # an attention module returns what it read and its weights, whatever it is called; of a block's, the first counts
    if isinstance(output, tuple) and len(output) > 1 and isinstance(output[1], Tensor) and output[1].ndim == 4:
        if not seen:
            found.append(output[1])
        seen.append(output[1])


def _complete(model: Model, batch: Batch, found: Sequence[Tensor]) -> Sequence[Tensor]:
    tokens = batch.input_ids.shape[1]
    if len(found) != len(model.blocks()) or any(each.shape[::2] != (len(batch), tokens) for each in found):
        raise Unsupported(f"the blocks of {type(model.network).__name__} return no attention weights of all tokens")
    return found
