"""What is known of a model without any explanation, and the banner of one that is wrong too often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from attrimark_registry.attribution import Record
from attrimark_registry.plugin import Metric

from .scores import scores_of_network

ACCURACY = "accuracy"  # the metric of that name, whatever its options
WEAK = 0.85  # explanations of a model that is right less often say little about its task


def alone(records: Iterable[Record], metrics: Mapping[str, Metric]) -> dict[Metric, float]:
    """What metrics of the model say: the mean over networks of each one's mean over texts.

    Args:
        records: of one board; those of methods say nothing here.
        metrics: by digest.
    """
    models = [record for record in records if record.specs["method"] is None]
    found: dict[Metric, list[float]] = {}
    for digest, metric in metrics.items():
        means = [scores_of_network(record, digest).mean for record in models]
        if known := [mean for mean in means if mean is not None]:
            found.setdefault(metric, []).extend(known)
    return {metric: float(np.mean(means)) for metric, means in found.items()}


def accuracy_of(means: Mapping[Metric, float]) -> float | None:
    """The accuracy among such means: on the texts explained by the likeliest label, else the first of another kind."""
    kinds = [metric for metric in means if metric.name == ACCURACY]
    plain = [metric for metric in kinds if metric.written == ACCURACY]
    return next((means[metric] for metric in (*plain, *kinds)), None)


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
