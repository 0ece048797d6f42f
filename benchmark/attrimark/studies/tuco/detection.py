"""Whether what fine-tuning contributes tells prompts apart, better than trivial detectors do: from stored measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from attrimark_registry.attribution import Record
from attrimark_registry.text import Example
from jaxtyping import Float

from attrimark.results.results import Results
from attrimark.results.scores import scores_of_network
from attrimark.statistics.intervals import Estimate
from attrimark.statistics.roc import auc, best_trivial, draws_of_texts, like_lengths, true_positive_rate
from attrimark.statistics.roc import estimate as with_interval
from attrimark.suite.matrix import Cell

CLASS = "class:"  # how the kind of a span begins that says what class a prompt is of
DETECTORS = ("tuco", "beta")
TRIVIAL = ("perplexity", "output-contribution", "prompt-length")
LENGTH = "prompt-length"
SUCCESS = "attack-success"

ByText = Mapping[str, float]  # a metric's value by the text's id


@dataclass(frozen=True)
class Detection:
    """One detector on two classes of prompts, of which larger numbers speak for the first.

    Attributes:
        auc: P(first > second).
        caught: the share of the first class found where 5 % of the second are taken for it.
        above_trivial: the AUC minus that of the best trivial detector in its better direction; None where the suite
            measures none.
        length_matched: the AUC among pairs whose lengths differ by a tenth at most; None where lengths are not known.
        matched_above_trivial: that AUC minus that of the best trivial detector among the same pairs.
    """

    variant: str
    first: str
    second: str
    detector: str
    means: tuple[float, float]
    auc: Estimate
    caught: Estimate
    above_trivial: Estimate | None = None
    length_matched: Estimate | None = None
    matched_above_trivial: Estimate | None = None


def detections(results: Results) -> list[Detection]:
    """Each detector of the suite on each two classes of prompts, and on attacks that failed and that succeeded."""
    found = []
    for cell in results.cells:
        record = results.ok(cell)
        if cell.method is None and record:
            found += _of_variant(str(cell.variant), classes_of(cell.variant.examples), measured(cell, record))
    return found


def classes_of(examples: Sequence[Example]) -> dict[str, list[str]]:
    """Ids of the prompts of each class, in the order in which classes appear."""
    classes: dict[str, list[str]] = {}
    for example in examples:
        for span in example.spans:
            if span.kind.startswith(CLASS):
                classes.setdefault(span.kind.removeprefix(CLASS), []).append(example.id)
    return classes


def measured(cell: Cell, record: Record) -> dict[str, ByText]:
    """Values by text, by the metric's name; of several with one name, the first."""
    values: dict[str, ByText] = {}
    for digest, metric in cell.judgements.items():
        array = scores_of_network(record, digest)
        known = {text: score for text, score in array.by_id.items() if np.isfinite(score)}
        if known and not array.refusal:
            values.setdefault(metric.name, known)
    return values


def detect(
    detector: str, first: Sequence[str], second: Sequence[str], values: Mapping[str, ByText]
) -> tuple[tuple[float, float], Estimate, Estimate, Estimate | None, Estimate | None, Estimate | None] | None:
    """What a `Detection` says, in its order, of a detector on texts of two classes.

    Texts are those with a value of every detector. Pairs (ids with one beginning before a slash) are drawn whole.
    None where a class has no text left.
    """
    trivial = [name for name in TRIVIAL if name in values]
    needed = [detector, *trivial]
    paired = [text.partition("/")[0] for text in first] == [text.partition("/")[0] for text in second]
    sides = [[text for text in side if all(text in values[name] for name in needed)] for side in (first, second)]
    if paired:
        kept = set.intersection(*({text.partition("/")[0] for text in side} for side in sides))
        sides = [[text for text in side if text.partition("/")[0] in kept] for side in sides]
    if not all(sides):
        return None
    one, two = (_numbers(values[detector], side) for side in sides)
    rng = np.random.default_rng(0)
    weights, sizes = draws_of_texts(len(one), len(two), rng, paired=paired)
    plain = auc(one, two, weights)
    above, matched, matched_above = None, None, None
    if trivial:
        numbers = {name: (_numbers(values[name], sides[0]), _numbers(values[name], sides[1])) for name in trivial}
        above = with_interval(plain - best_trivial(numbers, weights), sizes)
        if LENGTH in numbers:
            among = like_lengths(*numbers[LENGTH])
            alike = auc(one, two, weights, among)
            matched = with_interval(alike, sizes)
            matched_above = with_interval(alike - best_trivial(numbers, weights, among), sizes)
    caught = with_interval(true_positive_rate(one, two, weights=weights), sizes)
    means = float(one.mean()), float(two.mean())
    return means, with_interval(plain, sizes), caught, above, matched, matched_above


def _of_variant(
    variant: str, classes: Mapping[str, Sequence[str]], values: Mapping[str, ByText]
) -> Iterator[Detection]:
    names = list(classes)
    pairs = [(one, two, classes[one], classes[two]) for place, one in enumerate(names) for two in names[place + 1 :]]
    if SUCCESS in values and "attacked" in classes:
        known = [text for text in classes["attacked"] if text in values[SUCCESS]]
        failed, succeeded = ([text for text in known if values[SUCCESS][text] == side] for side in (0.0, 1.0))
        pairs.append(("failed attack", "successful attack", failed, succeeded))
    for one, two, first, second in pairs:
        for detector in DETECTORS:
            told = detect(detector, first, second, values) if detector in values else None
            if told:
                yield Detection(variant, one, two, detector, *told)


def _numbers(values: ByText, texts: Sequence[str]) -> Float[np.ndarray, " texts"]:
    return np.array([values[text] for text in texts], dtype=np.float64)
