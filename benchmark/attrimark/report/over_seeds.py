"""What varies over seeds: the models, signal and noise of their explanations, and what came of the predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from attrimark.document.characters import count, printable
from attrimark.document.section import Drawing, Section
from attrimark.statistics.verdict import PredictionResult
from attrimark.studies.stability.figures import Picture, pictures
from attrimark.studies.stability.stability import Stability, stabilities
from attrimark.studies.stability.tables import sentences, tables, weak

from .report import Report

CAME_TRUE: Mapping[PredictionResult, str] = {
    "holds": "came true",
    "does not hold": "did not come true",
    "cannot be told": "cannot be told",
}


def over_seeds(report: Report) -> Iterator[Section]:
    """One section, with one for each dataset and model in it; none where the suite compares no seeds.

    Raises:
        AttrimarkError: nothing was run yet of which seeds could be compared.
    """
    suite = report.results.suite
    if suite.compares_seeds:
        found = enumerate(stabilities(report.results), start=1)
        yield Section("Over seeds", sections=tuple(_task(each, place, suite.store_text) for place, each in found))


def _task(stability: Stability, place: int, with_words: bool) -> Section:
    name = printable(f"{stability.dataset} · {stability.model}")
    drawn: dict[str, list[Picture]] = {}
    for picture in pictures(stability, with_words):
        drawn.setdefault(picture.method, []).append(picture)
    return Section(
        name,
        answers=tuple(_answers(stability, name)),
        warnings=tuple(printable(f"{name}: {each}") for each in weak(stability)),
        sentences=tuple(map(printable, sentences(stability))),
        grids=tuple(tables(stability)),
        sections=tuple(_figures(method, some, place) for method, some in drawn.items()),
    )


def _figures(method: str, found: list[Picture], place: int) -> Section:
    """Over all texts and the longest text's words in sight, the rest folded."""
    first = [each for each in found if each.about == "all texts"]
    longest = [each for each in found if each.shows == "words"][-1:]
    rest = [each for each in found if each not in (*first, *longest)]
    return Section(
        printable(f"{method}: figures"),
        drawings=tuple(_drawing(each, place) for each in (*longest, *first)),
        sections=(Section("Single texts", drawings=tuple(_drawing(each, place) for each in rest), folded=True),)
        if rest
        else (),
    )


def _drawing(picture: Picture, place: int) -> Drawing:
    shown = (
        "each word's score over seeds: quartiles, and whiskers of 1.5 interquartile ranges"
        if picture.shows == "words"
        else "signal, noise and the other metrics over seeds, with their intervals"
    )
    caption = printable(f"{picture.method}, {picture.about}: {shown}.")
    return Drawing(f"seeds-{place}-{picture.name}", caption, picture.figure)


def _answers(stability: Stability, name: str) -> Iterator[str]:
    verdicts = Counter(CAME_TRUE[each.verdict] for each in stability.foretold)
    if verdicts:
        told = [f"{times} {verdict}" for verdict, times in verdicts.items()]
        yield f"{name}: of {count(len(stability.foretold), 'prediction')} {', '.join(told)}."
    for answer in stability.answers:
        if answer.decomposition and answer.decomposition.quantizers > 1:
            # its first clause; the rest stands in the section
            yield printable(f"{name}, {answer.method}: {answer.says.partition(';')[0].removesuffix('.')}.")
