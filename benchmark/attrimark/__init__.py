"""The benchmark for feature attribution on fine-tuned transformer text models.

`attrimark.evaluate(model, tokenizer, texts)` for a model in hand; the command `attrimark run` for suites.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attrimark.api.evaluate import Evaluation, evaluate

__version__ = "0.1.0"
__all__ = ["Evaluation", "__version__", "evaluate"]


def __getattr__(name: str) -> Any:
    # imported on first use: torch takes seconds, and the command line must answer at once
    if name in ("evaluate", "Evaluation"):
        return getattr(import_module(".api.evaluate", __name__), name)
    raise AttributeError(name)
