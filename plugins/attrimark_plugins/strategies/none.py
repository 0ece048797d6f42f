"""No fine-tuning: the model as it was loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrimark_registry import Example, Model, Strategy


class NoTraining(Strategy):
    """The same model for every seed."""

    name = "none"
    seeded: ClassVar[bool] = False

    def fine_tune(self, model: Model, train: Sequence[Example], seeds: Sequence[int]) -> list[Model]:
        return [model for _ in seeds]
