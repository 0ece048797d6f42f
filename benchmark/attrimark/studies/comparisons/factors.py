"""Variants that differ in one factor only: the strategy, the quantizer or the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attrimark_registry.plugin import ModelSource, Strategy

from attrimark.suite.matrix import Chain, Variant, named
from attrimark.suite.names import cell_name

from .factor_comparison import Over

Level = Chain | ModelSource


@dataclass(frozen=True)
class Factor:
    """One factor, all else held equal.

    Attributes:
        held: what is held equal, for a title.
        levels: variants by the level's name, one a seed.
    """

    over: Over
    held: str
    levels: Mapping[str, tuple[Variant, ...]]


def factors(variants: Iterable[Variant], over: Over) -> list[Factor]:
    """Groups of variants between which nothing but this factor and the seed varies, where it has two levels or more."""
    groups: dict[tuple[Any, ...], dict[Level, list[Variant]]] = {}
    titles: dict[tuple[Any, ...], str] = {}
    for variant in dict.fromkeys(variants):
        trained, stored = trained_and_stored(variant.chain)
        level, *held = {
            "strategy": (trained, variant.dataset, variant.model, *stored),
            "quantizer": (stored, variant.dataset, variant.model, *trained),
            "model": (variant.model, variant.dataset, *variant.chain),
        }[over]
        key = (*held, variant.granularity, variant.target, variant.explain, variant.train)
        groups.setdefault(key, {}).setdefault(level, []).append(variant)
        titles[key] = cell_name(*held)
    return [
        Factor(over, titles[key], {name: tuple(levels[level]) for level, name in _names(list(levels)).items()})
        for key, levels in groups.items()
        if len(levels) > 1
    ]


def trained_and_stored(chain: Chain) -> tuple[Chain, Chain]:
    """The steps up to the last that fine-tunes (quantizers before it are QLoRA's), and the quantizers after it."""
    last = max((place for place, step in enumerate(chain, start=1) if isinstance(step, Strategy)), default=0)
    return chain[:last], chain[last:]


def _names(levels: Sequence[Level]) -> dict[Level, str]:
    """The levels by name, with their options only where the name alone would not tell two apart."""
    short = [named(level) if isinstance(level, tuple) else level.name for level in levels]
    long = [(" → ".join(map(str, level)) or "none") if isinstance(level, tuple) else str(level) for level in levels]
    return {
        level: brief if short.count(brief) == 1 else whole
        for level, brief, whole in zip(levels, short, long, strict=True)
    }
