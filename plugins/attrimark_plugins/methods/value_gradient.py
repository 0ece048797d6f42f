"""The gradient that all gradient methods share: of the explained value, in the word embeddings."""

from __future__ import annotations

import torch
from attrimark_registry import Batch, Model, Reading, Unsupported
from attrimark_registry.reading import at_least_float32
from jaxtyping import Float
from torch import Tensor


def value(
    model: Model, batch: Batch, embeddings: Float[Tensor, "batch tokens dim"], reading: Reading
) -> Float[Tensor, " batch"]:
    """The explained value of each row, as a function of its word embeddings."""
    # a row without its target is dropped here and refused by the model, which counts them
    targets = [row.target for row in batch.rows if row.target is not None]
    return model.value(model.outputs(batch, embeddings), targets, reading)


def value_gradient(
    model: Model, batch: Batch, embeddings: Float[Tensor, "batch tokens dim"], reading: Reading
) -> Float[Tensor, "batch tokens dim"]:
    """∂ value / ∂ embeddings, in float32 or better. Nothing is left on the network's parameters.

    Raises:
        Unsupported: the reading is a decision, which is flat wherever it does not jump.
    """
    if reading == "decision":
        raise Unsupported("a decision has no gradient: explain the log-odds or the probability")
    points = embeddings.detach().requires_grad_(True)
    with torch.enable_grad():
        # rows do not see each other, so the gradient of their sum holds each row's own
        total = value(model, batch, points, reading).sum()
        (gradient,) = torch.autograd.grad(total, points)
    return at_least_float32(gradient)
