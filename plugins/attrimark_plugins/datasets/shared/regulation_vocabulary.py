"""What building regulations can ask for, and the words that they can ask in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Basic = Literal["dimension", "ratio", "duration", "count", "distance", "provision"]
Family = Basic | Literal["conditional", "exception"]
Comparison = Literal[">=", "<=", ">", "<"]
BASIC: tuple[Basic, ...] = get_args(Basic)
FAMILIES: tuple[Family, ...] = (*BASIC, "conditional", "exception")


@dataclass(frozen=True)
class Measure:
    """What may be asked of what: any of the nouns, of the names, of the numbers."""

    nouns: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    unit: str = ""


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
