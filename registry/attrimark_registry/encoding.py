"""One example as one row of token ids, and rows collated into a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int

from .text import Example, Feature

if TYPE_CHECKING:
    import torch
    from torch import Tensor

PROTECTED = -1  # in `feature_of`: a special token, or the prompt around the text


@dataclass(frozen=True)
class Target:
    """What is explained, as one scalar: which raw outputs are summed.

    Attributes:
        chosen: indices of the model's outputs: a label; every token of a continuation; one of its tokens.
        ids: the tokens that a writer is made to write (teacher forcing); empty for classifiers.
    """

    chosen: tuple[int, ...]
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Encoded:
    """One example as one unpadded row of tokens. Arrays are read-only by convention: `remove` returns a new row.

    Attributes:
        ids: vocabulary ids.
        positions: explicit position ids, so that no padding token or mask can shift them.
        visible: False where attention must not look.
        averaged: True where `Model.embed` puts the mean embedding of the vocabulary.
        types: segment ids (BERT's `token_type_ids`).
        feature_of: index of the feature a token belongs to, or PROTECTED.
        target: what is explained; None until `Model.decide`.
        flags: what a reader should know: "straddles", "tokenless", "special-tokens", "begin-token-added"; "cut" where
            the text that is explained did not come to its end.
    """

    example: Example
    ids: Int[np.ndarray, " tokens"]
    positions: Int[np.ndarray, " tokens"]
    visible: Bool[np.ndarray, " tokens"]
    averaged: Bool[np.ndarray, " tokens"]
    types: Int[np.ndarray, " tokens"]
    feature_of: Int[np.ndarray, " tokens"]
    features: tuple[Feature, ...]
    target: Target | None = None
    flags: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def aimed_at(self, target: Target) -> Encoded:
        """The same row, explaining `target`."""
        return replace(self, target=target)


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows padded to one length (encoders on the right, causal models on the left), on the model's device.

    Attributes:
        feature_of: as in `Encoded`, PROTECTED at padding.
        real: True where a token is no padding (hidden tokens are real).
    """

    rows: tuple[Encoded, ...]
    input_ids: Int[Tensor, "batch tokens"]
    attention_mask: Int[Tensor, "batch tokens"]
    position_ids: Int[Tensor, "batch tokens"]
    token_type_ids: Int[Tensor, "batch tokens"]
    averaged: Bool[Tensor, "batch tokens"]
    feature_of: Int[Tensor, "batch tokens"]
    real: Bool[Tensor, "batch tokens"]

    def __len__(self) -> int:
        return len(self.rows)

    def repeated(self, times: int) -> Batch:
        """Every row `times` times, side by side: a, a, b, b."""
        tensors = {name: value.repeat_interleave(times, dim=0) for name, value in vars(self).items() if name != "rows"}
        return Batch(rows=tuple(row for row in self.rows for _ in range(times)), **tensors)


def collate(rows: list[Encoded] | tuple[Encoded, ...], *, left: bool, pad_id: int, device: torch.device) -> Batch:
    """Pad rows to the longest of them."""
    import torch

    width = max(len(row) for row in rows)

    def padded(name: str, fill: int | bool) -> Tensor:
        grid = np.full((len(rows), width), fill, dtype=bool if isinstance(fill, bool) else np.int64)
        for line, row in zip(grid, rows, strict=True):
            place = slice(width - len(row), width) if left else slice(0, len(row))
            line[place] = getattr(row, name)
        return torch.from_numpy(grid).to(device)

    lengths = np.array([len(row) for row in rows])[:, None]
    columns = np.arange(width)[None, :]
    real = columns >= width - lengths if left else columns < lengths
    return Batch(
        rows=tuple(rows),
        input_ids=padded("ids", pad_id),
        attention_mask=padded("visible", False).long(),
        position_ids=padded("positions", 0),
        token_type_ids=padded("types", 0),
        averaged=padded("averaged", False),
        feature_of=padded("feature_of", PROTECTED),
        real=torch.from_numpy(real).to(device),
    )


def without_padding(batch: Batch, rows: list[int]) -> tuple[Batch, slice]:
    """Rows of one length, cut out of a batch, and the columns that they take there."""
    import torch

    real = batch.real[rows[0]].nonzero().flatten()
    columns = slice(int(real[0]), int(real[-1]) + 1)
    chosen = torch.tensor(rows, device=batch.input_ids.device)
    tensors = {name: value[chosen, columns] for name, value in vars(batch).items() if name != "rows"}
    return Batch(rows=tuple(batch.rows[row] for row in rows), **tensors), columns
