"""The texts, their words coloured by score: all methods one below the other, seed by seed or averaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from attrimark_registry.attribution import Attribution
from attrimark_registry.coloured import pieces
from attrimark_registry.text import Example
from jaxtyping import Float

from attrimark.document.characters import count, printable
from attrimark.document.coloured_text import ColouredText, Word, coloured_row
from attrimark.document.heat_map import heat_map
from attrimark.document.section import Drawing, Section
from attrimark.results.results import Results
from attrimark.suite.matrix import Cell, by_variant, of_components

SEEDS = 10  # that can be looked at one by one; the mean is over all
MANY = 3  # variants: with more, all but the first are folded
LONGEST = 80  # characters of what was explained

BySeed = Mapping[int, Sequence[Attribution]]  # of one text by one method, the replicates of each seed


def words(results: Results, texts: int) -> list[Section]:
    """One for each dataset × model × chain; none where texts are to stay where they are.

    Args:
        texts: how many to show of each.
    """
    if not results.suite.store_text:
        return []
    variants: dict[object, list[Cell]] = {}
    for variant, group in by_variant(results.cells).items():
        variants.setdefault(replace(variant, seed=0), []).extend(group)
    found = [section for group in variants.values() for section in _of_variant(group, results, texts)]
    return [replace(each, folded=place > 0 and len(found) > MANY) for place, each in enumerate(found)]


def _of_variant(cells: Sequence[Cell], results: Results, texts: int) -> Iterator[Section]:
    explained = _explained(cells, results)
    variant = cells[0].variant
    seeds = sorted({seed for methods in explained.values() for by_seed in methods.values() for seed in by_seed})
    # a head that decides each label for itself explains a text once for each that holds
    examples = [_any_of(methods).example for methods in explained.values()][:texts]
    if not examples:
        return
    shown = seeds[:SEEDS]
    mean = (f"mean of {count(len(seeds), 'seed')}",) if len(seeds) > 1 else ()
    yield Section(
        variant.place,
        views=(*mean, *(f"seed {seed}" for seed in shown)),
        texts=tuple(_coloured(each, explained[each.id], seeds, shown) for each in examples),
        sections=tuple(_by_token(examples, explained)),
    )


def _any_of(methods: Mapping[str, Mapping[int, Sequence[Attribution]]]) -> Attribution:
    """One of the explanations of a text."""
    return next(iter(next(iter(methods.values())).values()))[0]


def _explained(cells: Sequence[Cell], results: Results) -> dict[str, dict[str, dict[int, list[Attribution]]]]:
    """By text, by method, by seed: the replicates."""
    judging = [cell for cell in cells if cell.method is not None and not of_components(cell.method)]
    operators = Counter(str(cell.method) for cell in {(cell.method, cell.operator): cell for cell in judging}.values())
    found: dict[str, dict[str, dict[int, list[Attribution]]]] = {}
    for cell in judging:
        record = results.records.get(cell.id)
        if record is None or record.bundle is None:
            continue
        several = f" [{cell.operator}]" if operators[str(cell.method)] > 1 else ""
        for each in results.attributions(record):
            by_seed = found.setdefault(each.example.id, {}).setdefault(f"{cell.method}{several}", {})
            by_seed.setdefault(cell.variant.seed, []).append(each)
    return found


def _coloured(
    example: Example, methods: Mapping[str, BySeed], seeds: Sequence[int], shown: Sequence[int]
) -> ColouredText:
    labels = {seed: each[0].explained for by_seed in methods.values() for seed, each in by_seed.items()}
    ((commonest, agreeing),) = Counter(labels[seed] for seed in seeds if seed in labels).most_common(1)
    first = next(iter(next(iter(methods.values())).values()))[0]
    several = len(seeds) > 1
    told = [_short(labels.get(seed, "not explained")) for seed in shown]
    of_mean = _short(commonest) + (f" (by {agreeing} of {len(seeds)} seeds)" if agreeing < len(seeds) else "")
    rows = []
    for method, by_seed in methods.items():
        means = {seed: _mean(each, first) for seed, each in by_seed.items()}
        same = [mean for seed, mean in means.items() if mean is not None and labels[seed] == commonest]
        together = [np.mean(same, axis=0) if same else None] if several else []
        rows.append(coloured_row(printable(method), [*together, *(means.get(seed) for seed in shown)]))
    return ColouredText(
        id=example.id,
        label=example.label,
        words=tuple(Word(gap, feature.text) for gap, feature, _ in pieces(first)),
        explained=((of_mean,) if several else ()) + tuple(told),
        rows=tuple(rows),
    )


def _mean(replicates: Sequence[Attribution], first: Attribution) -> Float[np.ndarray, " words"] | None:
    """Over replicates; None where the words are not those of the first."""
    if any(each.features != first.features for each in replicates):
        return None
    return np.array([each.scores for each in replicates], dtype=np.float64).mean(axis=0)


def _by_token(examples: Sequence[Example], explained: Mapping[str, Mapping[str, BySeed]]) -> Iterator[Section]:
    """What was written, token by token, where that was explained: by the first seed."""
    drawings = []
    for example in examples:
        for method, by_seed in explained[example.id].items():
            first = next(iter(by_seed.values()))[0]
            if first.by_token is not None:
                caption = printable(f"{method}, {example.id}: what each word of the input does to each token written.")
                drawings.append(Drawing(f"tokens-{example.id}-{method}", caption, partial(heat_map, first)))
    if drawings:
        yield Section("Token by token", drawings=tuple(drawings), folded=True)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
