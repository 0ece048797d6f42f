"""Generated sentences in which one planted word decides the label, so that the right explanation is known.

Each text holds one cue, whose label is the text's label, and in the design "cue+distractor" one distractor: a
word that looks relevant, of a polarity crossed with the label, and decides nothing. All else is filler, drawn
without regard to the label. The French texts follow the task of telling opinion from information.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from string import Formatter
from typing import Annotated, Literal

from attrimark_registry import Dataset, Example, Span, Splits
from pydantic import Field

Language = Literal["english", "french"]
Design = Literal["cue", "cue+distractor"]
Planting = Literal["cue", "distractor"]
Words = tuple[str, ...]
Size = Annotated[int, Field(ge=0, le=50_000)]


@dataclass(frozen=True)
class Vocabulary:
    """The words and clauses of one language.

    Attributes:
        labels: of the classifier, in order.
        cues: for each label; words at the same place in both are swapped for each other.
        distractors: for each polarity, likewise.
        fillers: by slot; "neutral" stands where a distractor would in the design without distractors.
        cue_clauses, distractor_clauses: one of each makes a text, in either order.
    """

    labels: tuple[str, str]
    cues: tuple[Words, Words]
    distractors: tuple[Words, Words]
    fillers: dict[str, Words]
    cue_clauses: Words
    distractor_clauses: Words
    joints: Words
    ends: Words

    def planted(self, kind: Planting) -> tuple[Words, Words]:
        return self.cues if kind == "cue" else self.distractors


def _words(line: str) -> Words:
    return tuple(line.split())


# Cues and distractors begin with a consonant, so that an article before them suits either word of a swap.
ENGLISH = Vocabulary(
    labels=("negative", "positive"),
    cues=(
        _words("dull tedious clumsy dreadful bland lifeless hollow painful"),
        _words("brilliant charming witty gorgeous superb delightful moving radiant"),
    ),
    distractors=(
        _words("cheap forgotten little-known modest delayed second-hand low-budget cancelled"),
        _words("famous celebrated popular lavish prestigious hyped big-budget trendy"),
    ),
    fillers={
        "noun": _words(
            "film story plot scene script novel song play series game album show chapter dialogue score "
            "ending opening camera picture sequel drama comedy costume finale"
        ),
        "person": _words(
            "director actor writer singer painter producer composer editor teacher dancer narrator poet critic crew"
        ),
        "place": _words("theatre garden city village museum studio harbour library kitchen station valley castle"),
        "time": _words("minute hour evening week month summer winter season"),
        "adverb": _words("rather quite somewhat really fairly simply often still always mostly"),
        "neutral": _words("second recent short local blue northern round wooden weekly digital silent seasonal"),
    },
    cue_clauses=(
        "the {noun} is {adverb} {cue}",
        "a {cue} {noun} by the {person}",
        "this {noun} feels {cue}",
        "{cue} {noun} from the first {time}",
        "what a {cue} {noun}",
        "{cue} {noun} again",
        "the {person} gives us a {cue} {noun}",
        "the {noun} stays {cue} to the last {time}",
    ),
    distractor_clauses=(
        "the {person} is {distractor}",
        "with a {distractor} {noun} from the {place}",
        "made by a {distractor} {person}",
        "the {distractor} {noun} lasts one {time}",
        "{distractor} {noun} or not",
        "we saw a {distractor} {person}",
        "{distractor} {person} too",
        "in the {place} the {noun} was {distractor}",
    ),
    joints=(", ", "; ", " and ", " while ", ": "),
    ends=(".", "!", "…", ""),
)

FRENCH = Vocabulary(
    labels=("information", "opinion"),
    cues=(
        _words("publie présente détaille confirme rapporte signale décrit communique"),
        _words("déplore dénonce regrette salue conteste condamne soutient critique"),
    ),
    distractors=(
        _words("lundi récemment localement hier vendredi publiquement demain brièvement"),
        _words("franchement sincèrement vraiment tristement clairement malheureusement certes visiblement"),
    ),
    fillers={
        "noun": _words(
            "réforme fermeture hausse baisse décision mesure construction rénovation vente grève loi réunion "
            "campagne rencontre taxe ligne route piscine récolte collecte"
        ),
        "person": _words(
            "maire ministre syndicat député journal préfet conseil directeur club voisin quotidien comité "
            "médecin boulanger"
        ),
        "plural": _words("habitants parents ouvriers clients pompiers touristes commerces facteurs élèves bénévoles"),
        "place": _words("Liège Namur Mons Bruges Gand Dinant Tournai Charleroi Wavre Huy Verviers Spa"),
        "time": _words("matin soir mois printemps trimestre samedi mardi jeudi"),
        "neutral": _words("ensuite ailleurs parfois souvent ici encore maintenant bientôt partout lentement"),
    },
    cue_clauses=(
        "le {person} {cue} la {noun}",
        "la {noun} avance, {cue} le {person}",
        "à {place} le {person} {cue} la {noun}",
        "ce {time} un {person} {cue} la {noun}",
        "un {person} de {place} {cue} cette {noun}",
        "voilà la {noun} que le {person} {cue}",
        "le {person} {cue} tout",
    ),
    distractor_clauses=(
        "{distractor}, la {noun} coûte cher",
        "la {noun} commence {distractor} à {place}",
        "les {plural} attendent {distractor}",
        "{distractor} les {plural} quittent {place}",
        "à {place} les {plural} en parlent {distractor}",
        "la {noun} du {person} change {distractor}",
        "{distractor} rien ne change",
    ),
    joints=(", ", "; ", " et ", " tandis que "),
    ends=(".", "…", ""),
)

VOCABULARIES: dict[Language, Vocabulary] = {"english": ENGLISH, "french": FRENCH}


class Planted(Dataset):
    """Texts labelled by one planted word.

    Spans: "rationale" and "cue" on the word that decides, "distractor" on the one that only looks so.
    """

    name = "planted"

    language: Language = "english"
    design: Design = "cue+distractor"
    train: Size = 2000
    validation: Size = 200
    test: Size = 200
    seed: int = Field(default=0, ge=0)

    def load(self) -> Splits:
        rng = random.Random(self.seed)
        seen: set[str] = set()
        labels = VOCABULARIES[self.language].labels
        train, validation, test = (
            tuple(self._split(name, size, rng, seen))
            for name, size in (("train", self.train), ("validation", self.validation), ("test", self.test))
        )
        return Splits(labels, train, validation, test)

    def _split(self, split: str, size: int, rng: random.Random, seen: set[str]) -> Iterator[Example]:
        # labels × polarities in equal numbers: a distractor predicts nothing, not even by chance
        cells = [(place % 2, place // 2 % 2) for place in range(size)]
        rng.shuffle(cells)
        for number, (label, polarity) in enumerate(cells):
            yield self._new(f"{split}-{number}", label, polarity, rng, seen)

    def _new(self, id: str, label: int, polarity: int, rng: random.Random, seen: set[str]) -> Example:
        """A text that was not written before."""
        while True:
            example = self._write(id, label, polarity, rng)
            if example.text not in seen:
                seen.add(example.text)
                return example

    def _write(self, id: str, label: int, polarity: int, rng: random.Random) -> Example:
        words = VOCABULARIES[self.language]
        choices = dict(words.fillers, cue=words.cues[label], distractor=words.distractors[polarity])
        if self.design == "cue":
            choices["distractor"] = words.fillers["neutral"]
        clauses = [rng.choice(words.cue_clauses), rng.choice(words.distractor_clauses)]
        rng.shuffle(clauses)
        template = rng.choice(words.joints).join(clauses) + rng.choice(words.ends)

        text, spans = "", []
        for before, slot, _, _ in Formatter().parse(template):
            text += before
            if slot is None:
                continue
            word = rng.choice(choices[slot])
            span = Span(0, len(text), len(text) + len(word), slot)
            if slot == "cue":
                spans += [replace(span, kind="rationale"), span]
            elif slot == "distractor" and self.design == "cue+distractor":
                spans.append(span)
            text += word
        return Example(id, (_capitalised(text),), words.labels[label], spans=tuple(spans))


def swapped(example: Example, kind: Planting) -> Example | None:
    """The text with a cue of the other label, which becomes its own, or a distractor of the other polarity.

    Spans are those of the new text. None where the example has no such planted word.
    """
    span = next((span for span in example.spans if span.kind == kind), None)
    if span is None:
        return None
    text = example.segments[span.segment]
    word = text[span.start : span.end]
    found = _opposite(word.lower(), kind)
    if found is None:
        return None
    other, labels = found
    other = _capitalised(other) if word[0].isupper() else other
    segments = list(example.segments)
    segments[span.segment] = text[: span.start] + other + text[span.end :]
    label = example.label
    if kind == "cue" and label in labels:
        label = labels[1 - labels.index(label)]
    moved = tuple(_moved(each, span, len(other) - len(word)) for each in example.spans)
    return replace(example, id=f"{example.id}-other-{kind}", segments=tuple(segments), label=label, spans=moved)


@cache
def corpus(language: Language, seed: int = 0) -> tuple[str, ...]:
    """A thousand unlabelled texts for a tokenizer to learn from."""
    planted = Planted(language=language, train=1000, validation=0, test=0, seed=seed)
    return tuple(example.text for example in planted.load().train)


def _opposite(word: str, kind: Planting) -> tuple[str, tuple[str, str]] | None:
    """The word that stands at the same place in the other set, and the labels of its language."""
    for vocabulary in VOCABULARIES.values():
        sets = vocabulary.planted(kind)
        for side in (0, 1):
            if word in sets[side]:
                return sets[1 - side][sets[side].index(word)], vocabulary.labels
    return None


def _moved(span: Span, changed: Span, longer: int) -> Span:
    """A span after the characters of `changed` became `longer` more."""
    if span.segment != changed.segment or span.end <= changed.start:
        return span
    start = span.start + longer if span.start >= changed.end else span.start
    return replace(span, start=start, end=span.end + longer)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
