"""Clauses of building regulations and the rules that a computer can check, generated, so that the evidence is known.

The task is that of Shi, Dang, Solihin and Yeoh, "LLM attribution analysis across different fine-tuning strategies and
model scales for automated code compliance"; their data are not public, and these are our own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Annotated

from attrimark_registry import Dataset, Example, Span, Splits
from pydantic import Field, Strict

from .shared.regulation_vocabulary import FAMILIES, Family
from .shared.regulations import Part, Piece, Requirement, clause_of, drawn, first, rule_of

Size = Annotated[int, Field(ge=0, le=20_000)]


class CodeCompliance(Dataset):
    """A clause, and as its reference the rule that it states; no clause stands twice, in one split or in two.

    Spans: every word has its category as kind ("number", "identifier", "comparator", "content", "function"). What
    decides a part of the rule has kind "rationale" too, with the characters of the rule in `decides`. Numbers and
    identifiers in remarks decide nothing.

    Options:
        families: of requirements; "conditional" and "exception" put a condition or an exception on one of the others.
        distractors: at most so many remarks after a clause.
    """

    name = "code-compliance"

    families: Annotated[tuple[Family, ...], Strict(False), Field(min_length=1)] = FAMILIES
    distractors: int = Field(default=2, ge=0, le=4)
    train: Size = 2000
    validation: Size = 200
    test: Size = 200
    seed: int = Field(default=0, ge=0)

    def load(self) -> Splits:
        rng = random.Random(self.seed)
        seen: set[str] = set()
        train, validation, test = (
            tuple(self._new(f"{name}-{number}", rng, seen) for number in range(size))
            for name, size in (("train", self.train), ("validation", self.validation), ("test", self.test))
        )
        return Splits((), train, validation, test)

    def _new(self, id: str, rng: random.Random, seen: set[str]) -> Example:
        """A clause that was not written before."""
        while True:
            asked = drawn(self.families, rng)
            example = example_of(id, asked, clause_of(asked, rng.choice, self.distractors))
            if example.text not in seen:
                seen.add(example.text)
                return example


def example_of(id: str, asked: Requirement, clause: Sequence[Piece]) -> Example:
    """A clause with its rule, and spans that say what each word is and what it decides."""
    parts = rule_of(asked)
    decided = _places(parts)
    text, spans = "", []
    for piece in clause:
        start, end = len(text), len(text) + len(piece.text)
        text += piece.text
        if piece.category:
            spans.append(Span(0, start, end, piece.category))
        if piece.role:
            spans.append(Span(0, start, end, "rationale", decides=decided[piece.role]))
    return Example(id, (text,), reference="".join(part.text for part in parts), spans=tuple(spans))


def restatements(size: int, seed: int) -> list[str]:
    """Clauses, each with its requirement in plain words on a second line, and no rules: to learn the language from."""
    rng = random.Random(seed)
    told = []
    for _ in range(size):
        asked = drawn(FAMILIES, rng)
        told.append("\n".join(_text(clause) for clause in (clause_of(asked, rng.choice), clause_of(asked, first, 0))))
    return told


def _text(clause: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in clause)


def _places(parts: Sequence[Part]) -> dict[str, tuple[int, int]]:
    """The characters of the rule at which each role stands."""
    places, length = {}, 0
    for part in parts:
        places[part.role] = (length, length + len(part.text))
        length += len(part.text)
    return places
