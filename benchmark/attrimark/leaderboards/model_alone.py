"""What is known of a model without any explanation, and the banner of one that is wrong too often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from attrimark_registry.attribution import Record
from attrimark_registry.plugin import Metric

WEAK = 0.85  # explanations of a model that is right less often say little about its task


def alone(records: Iterable[Record], metrics: Mapping[str, Metric]) -> dict[str, float]:
    """What metrics of the model say: the mean over texts and seeds of each, by its display name.

    Args:
        records: of one board; those of methods say nothing here.
        metrics: by digest.
    """
    values: dict[str, list[float]] = {}
    for record in records:
        for each in record.measures if record.specs["method"] is None else ():
            if each.metric in metrics and each.value is not None and np.isfinite(each.value):
                values.setdefault(str(metrics[each.metric]), []).append(each.value)
    return {name: float(np.mean(found)) for name, found in values.items()}


def accuracy_of(told: Mapping[str, float]) -> float | None:
    """The accuracy among such means: on the texts explained by the likeliest label, else the first of another kind."""
    kinds = [value for name, value in told.items() if is_accuracy(name)]
    return told.get("accuracy", kinds[0] if kinds else None)


def is_accuracy(name: str) -> bool:
    """Whether a metric of that display name is accuracy, whatever its options."""
    return name.partition("(")[0] == "accuracy"


def weak(accuracies: Mapping[str, float | None]) -> dict[str, float]:
    """Those of models that are known to be wrong too often for their explanations to say much, by the models' names."""
    return {name: each for name, each in accuracies.items() if each is not None and each < WEAK}


def banner(accuracy: float | None) -> str | None:
    """What must stand above every number about a weak model; None for any other."""
    if accuracy is None or accuracy >= WEAK:
        return None
    shown = min(round(accuracy, 3), WEAK - 0.001)  # never rounded up to what it is under
    return f"WEAK MODEL: its accuracy is {shown:g}, under {WEAK}, so its explanations say little about the task."


def banners(accuracies: Mapping[str, float | None]) -> Iterator[str]:
    """One for each weak model, after its name."""
    for name, accuracy in accuracies.items():
        if told := banner(accuracy):
            yield f"{name}: {told}"
