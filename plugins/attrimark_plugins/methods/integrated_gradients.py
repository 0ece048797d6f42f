"""Integrated gradients (Sundararajan, Taly & Yan, arXiv 1703.01365)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from attrimark_registry import Batch, Model, ModelMethod, Operator, Scores, Unsupported, at_least_float32
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from .shared.passes import in_passes
from .shared.value_gradient import gradient_of_one_pass, rows_at, value

# where halving begins: a CPU's system may end a process that takes too much before any error is raised
TOKENS_A_PASS = 2048


class IntegratedGradients(ModelMethod):
    """Σ_d (e − e')·∫ ∂f/∂e along the straight line from a reference e' to the word embeddings e.

    Only tokens of features move: special tokens, the prompt and a continuation being scored keep their
    embeddings, and so do all positions. The integral is a Gauss–Legendre sum over `steps` points. Scores sum
    to f(e) − f(e') but for the error of that sum: `completeness_gap` (absolute) and
    `completeness_gap_relative` say how large it is.

    `reference` is the zero vector, the mean of the embedding table, or the embedding of the mask or
    padding token. A network that normalises word embeddings before anything else (Llama) turns a short way
    from the zero vector into a long one: watch the gap, and take more steps or the mean.

    Points are taken in passes of a size that memory allows (see `in_passes`), so that it needs no more than one row's
    pass with checkpointed blocks.
    """

    name = "integrated-gradients"
    needs = frozenset({"gradients"})

    steps: int = Field(50, ge=1, le=1000)
    reference: Literal["zero", "mean", "mask", "pad"] = "zero"

    @property
    def reference_operators(self) -> tuple[Operator, ...]:
        return () if self.reference == "zero" else (self.reference,)

    @property
    def passes(self) -> int:
        return 2 * self.steps + 2  # there and back at each point, and the values at both ends

    def attribute(self, model: Model, batch: Batch, rngs: Sequence[np.random.Generator]) -> Scores:
        """Token scores, 0 at protected tokens.

        Raises:
            Unsupported: the reference is a token that the tokenizer does not have.
        """
        end = model.embed(batch).detach()
        start = self._start(model, batch, end)
        line = at_least_float32(end) - at_least_float32(start)
        scores = (line * self._average_gradient(model, batch, start, end)).sum(-1)
        with torch.no_grad():
            gained = value(model, batch, end, self.reading) - value(model, batch, start, self.reading)
        gap = (scores.sum(-1) - gained).abs()
        # where nothing is gained no gap is small: a floor keeps it finite
        relative = gap / gained.abs().clamp(min=torch.finfo(gained.dtype).eps)
        return Scores(scores, {"completeness_gap": gap, "completeness_gap_relative": relative})

    def _start(self, model: Model, batch: Batch, end: Tensor) -> Float[Tensor, "batch tokens dim"]:
        moves = batch.feature_of >= 0
        if self.reference == "zero":
            return torch.where(moves.unsqueeze(-1), 0.0, end)
        if self.reference == "mean":
            return model.embed(replace(batch, averaged=batch.averaged | moves)).detach()
        token = model.tokenizer.mask_token_id if self.reference == "mask" else model.tokenizer.pad_token_id
        if not isinstance(token, int):
            raise Unsupported(
                f"this tokenizer has no {self.reference} token to start from: choose reference = zero or mean"
            )
        return model.embed(replace(batch, input_ids=batch.input_ids.masked_fill(moves, token))).detach()

    def _average_gradient(
        self, model: Model, batch: Batch, start: Tensor, end: Tensor
    ) -> Float[Tensor, "batch tokens dim"]:
        """The gradient averaged along the line; as many points in one pass as memory allows."""
        nodes, weights = np.polynomial.legendre.leggauss(self.steps)
        total = torch.zeros_like(at_least_float32(end))
        # a point is a row and a step: points of one row stand side by side
        row = torch.arange(len(batch), device=end.device).repeat_interleave(self.steps)
        along = total.new_tensor((nodes + 1) / 2).repeat(len(batch)).view(-1, 1, 1)
        weight = total.new_tensor(weights / 2).repeat(len(batch))

        def add(some: range) -> None:
            points = slice(some.start, some.stop)
            here = row[points]
            embeddings = torch.lerp(at_least_float32(start[here]), at_least_float32(end[here]), along[points])
            gradient = gradient_of_one_pass(model, rows_at(batch, here), embeddings.to(end.dtype), self.reading)
            # a product with weights, since adding by index has no fixed order on a GPU
            mine = (here == torch.arange(len(batch), device=end.device).unsqueeze(-1)) * weight[points]
            total.add_(torch.einsum("bp,ptd->btd", mine, gradient))

        length = end.shape[1]
        in_passes(model, add, len(row), max(1, TOKENS_A_PASS // length), length)
        return total
