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
from typing import Any, Literal, get_args

from .word_categories import Category

Basic = Literal["dimension", "ratio", "duration", "count", "distance", "provision"]
Family = Basic | Literal["conditional", "exception"]
Comparison = Literal[">=", "<=", ">", "<"]
Condition = tuple[str, Comparison, str, str]
Choice = Callable[[Sequence[Any]], Any]
BASIC: tuple[Basic, ...] = get_args(Basic)
FAMILIES: tuple[Family, ...] = (*BASIC, "conditional", "exception")


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
class Measure:
    """What may be asked of what: any of the nouns, of the names, of the numbers."""

    nouns: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    unit: str = ""


@dataclass(frozen=True)
class Requirement:
    """What a clause asks for, before it is put into words.

    Attributes:
        name: of the quantity; of the thing that is to be there, or not, where `number` is None.
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


def _words(line: str) -> tuple[str, ...]:
    return tuple(each.replace("_", " ") for each in line.split())


def _whole(first: int, last: int, step: int = 1) -> tuple[str, ...]:
    return tuple(str(number) for number in range(first, last + 1, step))


MEASURES: Mapping[Basic, tuple[Measure, ...]] = {
    "dimension": (
        Measure(
            _words("door corridor stair landing passage gate"),
            _words("width height length"),
            _whole(600, 2400, 50),
            "mm",
        ),
        Measure(
            _words("room balcony lobby window lift"),
            _words("height depth clear_width"),
            _words("0.9 1.1 1.2 1.5 1.8 2.1 2.4 2.7 3.5 4.5 5.5 6.5"),
            "m",
        ),
    ),
    "ratio": (
        Measure(_words("ramp driveway walkway gutter"), _words("gradient fall"), _whole(2, 15), "%"),
        Measure(_words("roof canopy escalator"), _words("pitch slope"), _whole(10, 60, 5), "°"),
    ),
    "duration": (
        Measure(
            _words("wall floor shaft ceiling column"),
            _words("fire_resistance"),
            _words("30 60 90 120 180 240"),
            "minutes",
        ),
        Measure(_words("pump lamp alarm battery"), _words("running_time"), _words("0.5 1.5 2.5 3 4 6 8"), "hours"),
    ),
    "count": (
        Measure(
            _words("storey dwelling classroom hall ward"),
            _words("exits basins sockets toilets hydrants"),
            _whole(2, 12),
        ),
    ),
    "distance": (
        Measure(
            _words("hydrant entrance boundary tank exit stair generator"),
            ("distance",),
            (*_whole(3, 30), "7.5", "12.5"),
            "m",
        ),
    ),
    "provision": (
        Measure(
            _words("stair balcony lift ramp corridor kitchen shaft"),
            _words("handrail lock vent door sprinkler mirror"),
            (),
        ),
    ),
}
CONDITIONS = (
    Measure((), ("height",), _whole(10, 60, 5), "m"),
    Measure((), _words("floor_area"), _whole(100, 900, 100), "m2"),
    Measure((), ("occupancy",), _whole(20, 200, 20)),
)
USES = _words("school hospital warehouse hotel garage prison theatre office")

# In a wording, {slots} are filled, words are function words unless a ~ marks them as content; [brackets] hold what
# compares.
_LEAST = ("[at least]", "[not less than]", "[no less than]", "a [minimum] of", "[>=]")
_MOST = ("[at most]", "[not more than]", "[no more than]", "a [maximum] of", "[<=]")
COMPARED: Mapping[Comparison, tuple[str, ...]] = {
    ">=": _LEAST,
    "<=": _MOST,
    ">": ("[exceeds]", "is [more than]", "is [greater than]", "is [>]"),
    "<": ("is [less than]", "is [below]", "is [<]"),
}
FORBIDDEN = {">=": "[not be less than]", "<=": "[not exceed]"}
EXTREME = {">=": "[minimum]", "<=": "[maximum]"}
COUNTED: Mapping[Comparison, tuple[str, ...]] = {
    ">=": ("[at least]", "[no fewer than]", "a [minimum] of", "[>=]"),
    "<=": ("[at most]", "[no more than]", "a [maximum] of", "[<=]"),
}
OF_A_QUANTITY = (
    "the {name} of {a_noun} shall be {compared} {amount}",
    "{a_noun} shall have a {name} of {compared} {amount}",
    "the {name} of {a_noun} shall {forbidden} {amount}",
    "the {extreme} {name} of {a_noun} is {amount}",
    "{a_noun} shall be ~constructed with a {name} of {compared} {amount}",
)
WORDINGS: Mapping[Basic, tuple[str, ...]] = {
    "dimension": OF_A_QUANTITY,
    "ratio": OF_A_QUANTITY,
    "duration": OF_A_QUANTITY,
    "count": (
        "{a_noun} shall have {compared} {amount} {name}",
        "{compared} {amount} {name} shall be ~provided in {a_noun}",
        "the {extreme} ~number of {name} in {a_noun} is {amount}",
    ),
    "distance": (
        "the {name} between {a_noun} and {an_other} shall be {compared} {amount}",
        "the {name} from {a_noun} to {an_other} shall {forbidden} {amount}",
        "the {extreme} {name} between {a_noun} and {an_other} is {amount}",
    ),
    "provision": (
        "{a_noun} {shall} have {a_name}",
        "{a_name} {shall} be ~provided in {a_noun}",
        "{a_noun} {shall} be ~fitted with {a_name}",
    ),
}
CONDITION_WORDINGS = (
    "where the {quantity} of the ~building {limit}",
    "in a ~building whose {quantity} {limit}",
    "if the {quantity} of a ~building {limit}",
)
EXCEPTION_WORDINGS = (
    "{except} where the ~building is {a_use}",
    "{except} in {a_use}",
    "{unless} the ~building is {a_use}",
)
OPENINGS = (
    "{Label} {identifier}: {Clause}",
    "{identifier} {Clause}",
    "{Label} {identifier} {Clause}",
    "under {label} {identifier}, {clause}",
    "in ~accordance with {label} {identifier}, {clause}",
)
LABELS = ("clause", "section", "regulation")
DISTRACTIONS = (
    "~see {cited}",
    "{cited} ~gives ~guidance",
    "the ~limit was {past} before {year}",
    "{cited} was ~repealed in {year}",
    "~amended in {year}",
)
CITED = ("Table {n}.{n}", "Figure {n}", "Appendix {L}", "Clause {n}.{n}{n}", "item ({l})")
YEARS = _whole(1990, 2020)
_SIDES: tuple[Comparison, ...] = (">=", "<=")
_STRICT_SIDES: tuple[Comparison, ...] = (">", "<")
_ABSENT = 0.3  # of things that are to be there or not, the share of those that are not


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
