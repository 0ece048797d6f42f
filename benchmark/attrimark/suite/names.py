"""The one spelling of a cell, and of what several cells share."""

from __future__ import annotations

from typing import Any

MODEL_ALONE = "the model alone"  # in the place of a method


def cell_name(*parts: Any, seed: Any = None, method: Any = None, replicate: int = 0) -> str:
    """`rated-snippets × minilm × frozen × seed 0 × lrp`, as far as the parts are given.

    Args:
        parts: dataset, model and chain, in this order.
        replicate: named where it is not the first.
    """
    named = [*parts, None if seed is None else f"seed {seed}", method, f"replicate {replicate}" if replicate else None]
    return " × ".join(str(part) for part in named if part is not None)
