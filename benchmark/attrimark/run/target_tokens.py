"""A written text explained token by token: its row aimed at each of them, and their scores put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from attrimark_registry.attribution import Attribution
from attrimark_registry.encoding import Encoded, Target
from attrimark_registry.errors import Unsupported
from attrimark_registry.model import Model
from attrimark_registry.writer import Writer


def require_writer(model: Model) -> Writer:
    """The model, which writes.

    Raises:
        Unsupported: it decides between labels.
    """
    if not isinstance(model, Writer):
        raise Unsupported("each_token explains a written text token by token, and this model decides between labels")
    return model


def aimed_at_each_token(row: Encoded) -> list[Encoded]:
    """The row once for each token that it explains; every one keeps the tokens written before its own."""
    if row.target is None:
        raise ValueError(f"text {row.example.id} has no target")
    return [row.aimed_at(Target((token,), row.target.ids)) for token in row.target.chosen]


def with_tokens(attribution: Attribution, by_token: Sequence[np.ndarray], model: Model) -> Attribution:
    """The explanation of a text with those of its tokens, and what each of these adds to the text."""
    return replace(
        attribution,
        by_token=np.stack(by_token).astype(attribution.scores.dtype),
        written=require_writer(model).pieces(attribution.target.ids),
    )
