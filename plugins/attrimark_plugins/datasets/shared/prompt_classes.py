"""Prompts of two classes that a detector is to tell apart: a class is a span over the whole of a prompt."""

from __future__ import annotations

from dataclasses import replace

from attrimark_registry import Example, Span

CLASS = "class:"  # how the kind of such a span begins


def of_class(example: Example, name: str) -> Example:
    """The example, with the class that its prompt is of."""
    return replace(example, spans=(*example.spans, Span(0, 0, len(example.segments[0]), CLASS + name)))
