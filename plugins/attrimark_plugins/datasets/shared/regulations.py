"""A small language of building regulations: requirements, the clauses that state them, and the rules that they become.

A requirement is drawn first. It is then told twice: in English, in one of many wordings, and in the rule language,
in the one way that there is. Each part of a clause knows its category, and which part of the rule it decides; that
knowledge is made here, with the words, and does not come from looking at the finished text.

    rule      = "rule" identifier ":" demand ["if" quantity limit] ["unless building is" use]
    demand    = quantity limit | quantity ("is" | "is not") "provided"
    quantity  = name "of" noun ["to" noun]
    limit     = (">=" | "<=" | ">" | "<") number [unit]
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from .regulation_vocabulary import (
    BASIC,
    CITED,
    COMPARED,
    CONDITION_WORDINGS,
    CONDITIONS,
    COUNTED,
    DISTRACTIONS,
    EXCEPTION_WORDINGS,
    EXTREME,
    FORBIDDEN,
    LABELS,
    MEASURES,
    OPENINGS,
    USES,
    WORDINGS,
    YEARS,
    Basic,
    Comparison,
    Family,
)
from .word_categories import Category

Condition = tuple[str, Comparison, str, str]
Choice = Callable[[Sequence[Any]], Any]
_SIDES: tuple[Comparison, ...] = (">=", "<=")
_STRICT_SIDES: tuple[Comparison, ...] = (">", "<")
_ABSENT = 0.3  # of things that are to be there or not, the share of those that are not


@dataclass(frozen=True)
class Piece:
    """A run of characters of a clause.

    Attributes:
        category: of its words; None for spaces and punctuation.
        role: of the part of the rule that it decides; "" where it decides none.
    """

    text: str
    category: Category | None = None
    role: str = ""


@dataclass(frozen=True)
class Part:
    """A run of characters of a rule, under the name by which a clause's pieces decide it."""

    text: str
    role: str = ""


@dataclass(frozen=True)
class Requirement:
    """What a clause asks for, before it is put into words.

    Attributes:
        name: of the quantity; where there is no comparison, of the thing that is to be there, or not.
        other: the second noun of a distance.
        comparison: None for a thing that is to be there; `absent` says that it is not to be.
        condition: the quantity of the building, its comparison, number and unit.
        exception: a use of the building to which the clause does not apply.
    """

    family: Basic
    identifier: str
    noun: str
    name: str
    other: str = ""
    comparison: Comparison | None = None
    number: str = ""
    unit: str = ""
    absent: bool = False
    condition: Condition | None = None
    exception: str | None = None


def drawn(families: Sequence[Family], rng: random.Random) -> Requirement:
    """A requirement of one of the families; a condition or an exception is put on any of the basic ones there."""
    family = rng.choice(families)
    basic: Sequence[Basic] = [each for each in BASIC if each in families] or BASIC
    kind: Basic = rng.choice(basic) if family in ("conditional", "exception") else family
    measure = rng.choice(MEASURES[kind])
    noun = rng.choice(measure.nouns)
    comparison: Comparison | None = None
    number, absent = "", False
    if measure.numbers:
        comparison = rng.choice(_SIDES)
        number = rng.choice(measure.numbers)
    else:
        absent = rng.random() < _ABSENT
    condition = None
    if family == "conditional":
        limit = rng.choice(CONDITIONS)
        side = rng.choice(_STRICT_SIDES)
        condition = (rng.choice(limit.names), side, rng.choice(limit.numbers), limit.unit)
    return Requirement(
        family=kind,
        identifier=f"{rng.randint(1, 9)}.{rng.randint(10, 59)}",
        noun=noun,
        name=rng.choice(measure.names),
        other=rng.choice([each for each in measure.nouns if each != noun]) if kind == "distance" else "",
        comparison=comparison,
        number=number,
        unit=measure.unit,
        absent=absent,
        condition=condition,
        exception=rng.choice(USES) if family == "exception" else None,
    )


def rule_of(asked: Requirement) -> list[Part]:
    """The rule, part by part."""
    parts = [Part("rule "), Part(asked.identifier, "identifier"), Part(": ")]
    parts += [Part(asked.name, "name"), Part(" of "), Part(asked.noun, "noun")]
    if asked.other:
        parts += [Part(" to "), Part(asked.other, "other")]
    if asked.comparison is None:
        parts += [Part(" "), Part("is not" if asked.absent else "is", "shall"), Part(" provided")]
    else:
        parts += _compared(asked.comparison, asked.number, asked.unit, "")
    if asked.condition:
        quantity, comparison, number, unit = asked.condition
        parts += [Part(" if "), Part(quantity, "quantity"), Part(" of building")]
        parts += _compared(comparison, number, unit, "limit-")
    if asked.exception:
        parts += [Part(" "), Part("unless", "unless"), Part(" building is "), Part(asked.exception, "use")]
    return parts


def clause_of(asked: Requirement, choose: Choice, distractors: int = 2) -> list[Piece]:
    """The requirement in words, and up to that many remarks that decide nothing of the rule.

    Args:
        choose: one of several wordings.
    """
    sentence = _filled(choose(WORDINGS[asked.family]), _slots(asked, choose))
    if asked.condition:
        condition = _filled(choose(CONDITION_WORDINGS), _condition_slots(asked.condition, choose))
        ahead = choose((False, True))
        sentence = [*condition, Piece(", "), *sentence] if ahead else [*sentence, Piece(" "), *condition]
    if asked.exception:
        use = [Piece(_article(asked.exception), "function"), Piece(" "), Piece(asked.exception, "content", "use")]
        starts = {name: [Piece(name, "function", "unless")] for name in ("unless", "except")}
        sentence += [Piece(", "), *_filled(choose(EXCEPTION_WORDINGS), {"a_use": use, **starts})]
    label = choose(LABELS)
    pieces = _filled(
        choose(OPENINGS),
        {
            "identifier": [Piece(asked.identifier, "identifier", "identifier")],
            "label": [Piece(label, "identifier")],
            "Label": [Piece(label.capitalize(), "identifier")],
            "clause": sentence,
            "Clause": _capitalised(sentence),
        },
    )
    pieces = [*_capitalised(pieces), Piece(".")]
    for _ in range(choose(range(distractors + 1))):
        remark = _filled(choose(DISTRACTIONS), _distraction_slots(asked, choose))
        pieces += [Piece(" "), *_capitalised(remark), Piece(".")]
    return pieces


def first(options: Sequence[Any]) -> Any:
    """The plain one of several wordings."""
    return options[0]


def _slots(asked: Requirement, choose: Choice) -> dict[str, Sequence[Piece]]:
    noun, name = Piece(asked.noun, "content", "noun"), Piece(asked.name, "content", "name")
    slots: dict[str, Sequence[Piece]] = {
        "name": [name],
        "a_noun": [Piece(_article(asked.noun), "function"), Piece(" "), noun],
        "a_name": [Piece(_article(asked.name), "function"), Piece(" "), name],
    }
    if asked.other:
        slots["an_other"] = [
            Piece(_article(asked.other), "function"),
            Piece(" "),
            Piece(asked.other, "content", "other"),
        ]
    if asked.comparison is None:
        shall = ["shall", "not"] if asked.absent else ["shall"]
        slots["shall"] = _joined([Piece(word, "function", "shall") for word in shall])
    else:
        choices = COUNTED if asked.family == "count" else COMPARED
        slots |= {
            "compared": _filled(choose(choices[asked.comparison]), {}),
            "forbidden": _filled(FORBIDDEN[asked.comparison], {}),
            "extreme": _filled(EXTREME[asked.comparison], {}),
            "amount": _amount(asked.number, asked.unit),
        }
    return slots


def _condition_slots(condition: Condition, choose: Choice) -> dict[str, Sequence[Piece]]:
    quantity, comparison, number, unit = condition
    limit = [
        *_filled(choose(COMPARED[comparison]), {}, "limit-"),
        Piece(" "),
        *_amount(number, unit, "limit-"),
    ]
    return {"quantity": [Piece(quantity, "content", "quantity")], "limit": limit}


def _distraction_slots(asked: Requirement, choose: Choice) -> dict[str, Sequence[Piece]]:
    cited = choose(CITED)
    for slot, choices in (("{n}", "123456789"), ("{L}", "ABCDEF"), ("{l}", "abcdef")):
        while slot in cited:
            cited = cited.replace(slot, choose(choices), 1)
    label, number = cited.split()
    kind: Category = "content" if label == "item" else "identifier"  # it names no kind of document
    numbers = [number for measure in MEASURES["dimension"] for number in measure.numbers if number != asked.number]
    past = choose(numbers)
    return {
        "cited": [Piece(label, kind), Piece(" "), Piece(number, "identifier")],
        "past": [Piece(past, "number"), Piece(" "), Piece("m" if "." in past else "mm", "number")],
        "year": [Piece(choose(YEARS), "number")],
    }


def _compared(comparison: Comparison, number: str, unit: str, side: str) -> list[Part]:
    parts = [Part(" "), Part(comparison, f"{side}comparison"), Part(" "), Part(number, f"{side}number")]
    return [*parts, Part(" "), Part(unit, f"{side}unit")] if unit else parts


def _amount(number: str, unit: str, side: str = "") -> list[Piece]:
    amount = [Piece(number, "number", f"{side}number")]
    return [*amount, Piece(" "), Piece(unit, "number", f"{side}unit")] if unit else amount


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """With spaces between them."""
    return [each for piece in pieces for each in (Piece(" "), piece)][1:]


_LITERAL = re.compile(r"\[[^\]]+\]|~?[A-Za-z]+|\s+|.")


def _filled(wording: str, slots: Mapping[str, Sequence[Piece]], side: str = "") -> list[Piece]:
    """The wording with its slots filled, as pieces; what compares decides the comparison of that side of the rule."""
    return list(_pieces(wording, slots, f"{side}comparison"))


def _pieces(wording: str, slots: Mapping[str, Sequence[Piece]], comparison: str) -> Iterator[Piece]:
    for literal, slot, _, _ in Formatter().parse(wording):
        for text in _LITERAL.findall(literal):
            if text[0] == "[":
                yield Piece(text[1:-1], "comparator", comparison)
            elif text[0] == "~":
                yield Piece(text[1:], "content")
            else:
                yield Piece(text, "function" if text.isalpha() else None)
        if slot is not None:
            yield from slots[slot]


def _capitalised(pieces: Sequence[Piece]) -> list[Piece]:
    first, *rest = pieces
    return [Piece(first.text[:1].upper() + first.text[1:], first.category, first.role), *rest]
