"""Rows that the guard adds to those of an evaluation: quickstart's methods and metrics on a tiny network, counted.

    python performance/guard.py

How many rows a method takes depends on its texts and not on the network's size, so a tiny one counts as well.
"""

from __future__ import annotations

from typing import Any

from attrimark import evaluate
from attrimark.run.guard.canary import Bits, Canary
from attrimark_plugins.datasets.rated_snippets import RatedSnippets
from attrimark_plugins.methods.integrated_gradients import IntegratedGradients
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.models.tiny import TinyEncoder

TEXTS = 24
METHODS = (
    "random",
    "leave-one-out",
    ShapleySampling(permutations=5),
    "gradient",
    "input-x-gradient",
    IntegratedGradients(steps=20),
)
METRICS = ("sufficiency", "comprehensiveness", "rationale-agreement", "accuracy")


def main() -> None:
    rows = {"the evaluation's": 0, "the guard's": 0}
    counting, sing = ["the evaluation's"], Canary._bits

    def guarding(self: Canary) -> Bits:
        counting.append("the guard's")
        try:
            return sing(self)
        finally:
            counting.pop()

    def count(module: Any, given: Any, named: dict[str, Any]) -> None:
        inputs = named.get("input_ids")
        rows[counting[-1]] += len(named["inputs_embeds"] if inputs is None else inputs)

    Canary._bits = guarding
    model = TinyEncoder().load(("negative", "positive"), "cpu")
    model.network.register_forward_pre_hook(count, with_kwargs=True)
    texts = RatedSnippets(minimum=1.0, longest=20).load().test[:TEXTS]
    evaluate(model, texts=texts, methods=METHODS, metrics=METRICS)
    share = rows["the guard's"] / rows["the evaluation's"]
    print(", ".join(f"{name} rows: {number:,}" for name, number in rows.items()), f"({share:.1%} more)")


if __name__ == "__main__":
    main()
