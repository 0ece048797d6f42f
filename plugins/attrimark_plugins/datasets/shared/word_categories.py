"""What kind of word each word of a regulation is: a number, an identifier, a comparator, content or function.

Patterns are tried in order and the first that touches a word decides. A number with its unit comes before identifiers,
since `1.5` alone has the form of a section's number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, get_args

from attrimark_registry import Example, Feature, Span, features_of

Category = Literal["number", "identifier", "comparator", "content", "function"]
CATEGORIES: tuple[Category, ...] = get_args(Category)

_UNIT = r"(?:mm|cm|m2|m²|m3|m³|km|m|kg|kPa|kN|dB|lux|minutes?|min|hours?|h|seconds?|s|days?)(?!\w)|%|°C?"
_PATTERNS: tuple[tuple[Category, re.Pattern[str]], ...] = (
    ("number", re.compile(rf"(?<![\w.])\d+(?:[.,]\d+)?\s*(?:{_UNIT})")),
    (
        "identifier",
        re.compile(
            # "part of" and "rule that" name nothing: what is named has a digit, or is one letter
            r"\b(?i:clause|section|regulation|table|figure|part|rule|appendix|annex|chapter|schedule)s?"
            r"\s+(?:[A-Z]?\d[\w.]*(?:\([a-z]\))?|[A-Z]\b)"
            r"|(?<![\w.])[A-Z]?\d+(?:\.\d+)+[a-z]?\b|(?<!\w)\((?:[a-z]|[ivx]+|\d+)\)"
        ),
    ),
    ("number", re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")),
    (
        "comparator",
        re.compile(
            r"(?i)(?:\b(?:not|no)\s+(?:be\s+)?)?\b(?:less|more|fewer|greater|larger|smaller|lower|higher)\s+than\b"
            r"|\bat\s+(?:least|most)\b|(?:\bnot\s+)?\bexceed(?:s|ing)?\b|\b(?:minimum|maximum|below|above)\b|[<>≤≥]=?"
        ),
    ),
)
_FUNCTION_WORDS = """
    a an the this that these those such any each every all both either other some no not nor neither
    and or but if unless except where when while whose which who what than then as so also only
    of in on at to from by for with without within between into onto over under through across per about before after
    during until since against along
    is are was were be been being am has have had having do does did shall should will would may might must can could
    it its he she they them their there here
"""
_FUNCTION = frozenset(_FUNCTION_WORDS.split())


def word_categories(text: str) -> tuple[Category, ...]:
    """The category of each word, a maximal run of non-space characters, as in the features of a text.

    A word that no pattern touches is a function word if a list of English ones has it, or if it holds neither letter
    nor digit; else it is content.
    """
    found: list[tuple[Category, re.Match[str]]] = []
    for category, pattern in _PATTERNS:
        found.extend((category, match) for match in pattern.finditer(text))
    return tuple(_category(word, found) for word in re.finditer(r"\S+", text))


def categories_of(features: Sequence[Feature], example: Example) -> tuple[Category | None, ...]:
    """The category of each feature: the example's own where it has spans of categories, else by the patterns.

    A feature has the category with which it shares most characters, the earlier one in `CATEGORIES` of equal ones;
    None where it shares none.
    """
    spans = [span for span in example.spans if span.kind in CATEGORIES] or [
        Span(segment, word.start, word.end, category)
        for segment, text in enumerate(example.segments)
        for word, category in zip(features_of((text,), "word"), word_categories(text), strict=True)
    ]
    return tuple(_most_shared(feature, spans) for feature in features)


def _category(word: re.Match[str], found: Sequence[tuple[Category, re.Match[str]]]) -> Category:
    for category, match in found:
        if match.start() < word.end() and word.start() < match.end():
            return category
    letters = re.sub(r"[\W_]", "", word.group()).lower()
    return "function" if not letters or letters in _FUNCTION else "content"


def _most_shared(feature: Feature, spans: Sequence[Span]) -> Category | None:
    shared = dict.fromkeys(CATEGORIES, 0)
    for span in spans:
        # most spans lie elsewhere: not asked how much they share
        if span.kind in CATEGORIES and span.start < feature.end and feature.start < span.end:
            shared[span.kind] += feature.overlap(span.segment, span.start, span.end)
    most = max(CATEGORIES, key=shared.__getitem__)
    return most if shared[most] else None
