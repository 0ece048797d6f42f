"""The gradient that all gradient methods share: of the explained value, in the word embeddings."""

from __future__ import annotations

from dataclasses import fields

import torch
from attrimark_registry import Batch, Model, Reading, Unsupported
from attrimark_registry.reading import at_least_float32
from jaxtyping import Float, Int
from torch import Tensor

from .passes import in_passes


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
    """∂ value / ∂ embeddings, in float32 or better, in as few passes as memory allows.

    Raises:
        Unsupported: the reading is a decision, which is flat wherever it does not jump.
    """
    found: list[Tensor] = []
    places = torch.arange(len(batch), device=embeddings.device)

    def add(some: range) -> None:
        here = places[some.start : some.stop]
        found.append(gradient_of_one_pass(model, rows_at(batch, here), embeddings[here], reading))

    in_passes(model, add, len(batch), len(batch), embeddings.shape[1])
    return torch.cat(found)


def gradient_of_one_pass(
    model: Model, batch: Batch, embeddings: Float[Tensor, "batch tokens dim"], reading: Reading
) -> Float[Tensor, "batch tokens dim"]:
    """The same of all rows at once. Nothing is left on the network's parameters.

    Raises:
        Unsupported: as `value_gradient`.
    """
    if reading == "decision":
        raise Unsupported("a decision has no gradient: explain the log-odds or the probability")
    points = embeddings.detach().requires_grad_(True)
    with torch.enable_grad():
        # rows do not see each other, so the gradient of their sum holds each row's own
        total = value(model, batch, points, reading).sum()
        (gradient,) = torch.autograd.grad(total, points)
    return at_least_float32(gradient)


def rows_at(batch: Batch, places: Int[Tensor, " rows"]) -> Batch:
    """The rows at these places, padded as they are."""
    tensors = {field.name: getattr(batch, field.name)[places] for field in fields(batch) if field.name != "rows"}
    return Batch(rows=tuple(batch.rows[place] for place in places.tolist()), **tensors)
