"""What is explained, as its author wrote it: examples, spans of characters, and the features to score."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Granularity = Literal["word", "token", "sentence", "passage"]

_WORD = re.compile(r"\S+")
_SENTENCE = re.compile(r"\S.*?(?:[.!?…]+(?=\s)|$)", re.DOTALL)
_PASSAGE = re.compile(r"\S.*?(?=\s*\n\s*\n|\s*\Z)", re.DOTALL)


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` of one segment of the original text, so that no tokenizer can misalign them.

    Attributes:
        kind: "rationale", or a category such as "lexicon", "cue", "distractor", "number".
        decides: the characters of the example's reference that it decides, from the first to before the last; None
            where it decides all of it, or where that is not known.
    """

    segment: int
    start: int
    end: int
    kind: str
    weight: float = 1.0
    decides: tuple[int, int] | None = None


@dataclass(frozen=True)
class Example:
    """One text (or a pair: premise and hypothesis, query and document) with what is known about it.

    Attributes:
        label: one of the dataset's labels, or None where the text is not labelled.
        reference: a text to be written by a generating model, or None.
        spans: character spans: human or planted rationales, categories of words.
    """

    id: str
    segments: tuple[str, ...]
    label: str | None = None
    reference: str | None = None
    spans: tuple[Span, ...] = ()

    @property
    def text(self) -> str:
        return "\n".join(self.segments)

    @property
    def plain(self) -> dict[str, Any]:
        """As plain data. What spans decide is told where it is known, so that hashes of other examples stay."""
        told = asdict(self)
        for span in told["spans"]:
            if span["decides"] is None:
                del span["decides"]
        return told


@dataclass(frozen=True)
class Feature:
    """What is scored: a run of characters whose tokens are kept or removed together.

    Attributes:
        parents: index of the sentence and of the passage that the feature stands in, counted over the example.
    """

    text: str
    segment: int
    start: int
    end: int
    parents: tuple[int, ...] = ()

    def overlap(self, segment: int, start: int, end: int) -> int:
        """The number of characters shared with another run of characters."""
        return max(0, min(self.end, end) - max(self.start, start)) if segment == self.segment else 0


@dataclass(frozen=True)
class Splits:
    """A dataset, loaded: examples by split, and the labels in the order of a classifier's outputs."""

    labels: tuple[str, ...]
    train: tuple[Example, ...] = ()
    validation: tuple[Example, ...] = ()
    test: tuple[Example, ...] = ()
    # what a reader must know: rows left out and why, texts without labels
    notes: Mapping[str, str] = field(default_factory=dict)


def features_of(segments: tuple[str, ...], granularity: Granularity) -> tuple[Feature, ...]:
    """The features of a text: the same for every model and tokenizer.

    A word is a maximal run of non-space characters; a sentence ends in `.`, `!`, `?` or `…` before a space;
    a passage ends at an empty line. Features of granularity "token" need a tokenizer: a model makes them.
    """
    pattern = {"word": _WORD, "sentence": _SENTENCE, "passage": _PASSAGE}[granularity]
    return tuple(with_parents(_runs(segments, pattern), segments))


def with_parents(features: Iterator[Feature], segments: tuple[str, ...]) -> Iterator[Feature]:
    """Name the sentence and the passage that each feature stands in (the one it shares most characters with)."""
    sentences, passages = (tuple(_runs(segments, pattern)) for pattern in (_SENTENCE, _PASSAGE))
    for each in features:
        parents = tuple(
            max(range(len(runs)), key=lambda i: each.overlap(runs[i].segment, runs[i].start, runs[i].end))
            for runs in (sentences, passages)
        )
        yield Feature(each.text, each.segment, each.start, each.end, parents)


def _runs(segments: tuple[str, ...], pattern: re.Pattern[str]) -> Iterator[Feature]:
    for segment, text in enumerate(segments):
        for run in pattern.finditer(text):
            yield Feature(run.group(), segment, run.start(), run.end())
