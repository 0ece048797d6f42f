"""What a prompted model answers when it writes freely: the generated reading, for the metrics that use it."""

from __future__ import annotations

from collections.abc import Sequence

from attrimark_registry import Example, Model, PromptClassifier, Unsupported

ROWS_A_BATCH = 16


def answers(model: Model, examples: Sequence[Example], most: int) -> list[str | None]:
    """The label in each answer of at most `most` tokens, None where it holds none.

    Raises:
        Unsupported: the model is not asked in words.
    """
    if not isinstance(model, PromptClassifier):
        raise Unsupported("only a model that is asked in words writes an answer: use the constrained one")
    rows = [model.encode(example) for example in examples]
    batches = [rows[start : start + ROWS_A_BATCH] for start in range(0, len(rows), ROWS_A_BATCH)]
    return [model.parse(written) for batch in batches for written in model.generate(batch, most)]
