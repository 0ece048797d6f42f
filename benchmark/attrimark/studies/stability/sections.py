"""What varies over seeds: the models, signal and noise of their explanations, and what came of the predictions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from attrimark.document.characters import count
from attrimark.document.section import Drawing, Section
from attrimark.statistics.verdict import PredictionResult
from attrimark.suite.names import cell_name

from .figures import Picture, pictures
from .stability import Stability
from .tables import sentences, tables, weak

CAME_TRUE: Mapping[PredictionResult, str] = {
    "holds": "came true",
    "does not hold": "did not come true",
    "cannot be told": "cannot be told",
}


def sections(found: Sequence[Stability], with_words: bool = True) -> Iterator[Section]:
    """One for each dataset and model.

    Args:
        with_words: without, no figure shows a text.
    """
    return (section_of(each, place, with_words) for place, each in enumerate(found, start=1))


def section_of(stability: Stability, place: int = 1, with_words: bool = True) -> Section:
    """Tables, and below them answers and predictions."""
    name = cell_name(stability.dataset, stability.model)
    drawn: dict[str, list[Picture]] = {}
    for picture in pictures(stability, with_words):
        drawn.setdefault(picture.method, []).append(picture)
    return Section(
        f"{name} · over seeds",
        answers=tuple(_answers(stability, name)),
        warnings=tuple(f"{name}: {each}" for each in weak(stability)),
        sentences=tuple(weak(stability)),
        grids=tuple(tables(stability)),
        notes=tuple(sentences(stability)),
        sections=tuple(_figures(method, some, place) for method, some in drawn.items()),
    )


def _figures(method: str, found: list[Picture], place: int) -> Section:
    """Over all texts and the longest text's words in sight, the rest folded."""
    first = [each for each in found if each.about == "all texts"]
    longest = [each for each in found if each.shows == "words"][-1:]
    rest = [each for each in found if each not in (*first, *longest)]
    return Section(
        f"{method}: figures",
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
    caption = f"{picture.method}, {picture.about}: {shown}."
    return Drawing(f"seeds-{place}-{picture.name}", caption, picture.draw)


def _answers(stability: Stability, name: str) -> Iterator[str]:
    verdicts = Counter(CAME_TRUE[each.verdict] for each in stability.foretold)
    if verdicts:
        told = [f"{times} {verdict}" for verdict, times in verdicts.items()]
        yield f"{name}: of {count(len(stability.foretold), 'prediction')} {', '.join(told)}."
    for answer in stability.answers:
        if answer.decomposition and answer.decomposition.quantizers > 1:
            # its first clause; the rest stands in the section
            yield f"{name}, {answer.method}: {answer.says.partition(';')[0].removesuffix('.')}."
