"""The figures of a suite's explanations: what each method scores every word of one text, as in Videneeva's Fig. 1.

Of a text that was written, also what it scores every word for each token, where these were explained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from attrimark_registry.attribution import Attribution

from attrimark.document.figures import word_bars
from attrimark.document.heat_map import heat_map
from attrimark.document.section import Drawing
from attrimark.results.results import Results
from attrimark.suite.matrix import Cell, by_variant, named, of_components


def word_figures(results: Results) -> Iterator[Drawing]:
    """For each dataset × model × chain, by its first seed, the longest text that all methods explained."""
    firsts: dict[object, list[Cell]] = {}
    for variant, group in by_variant(results.cells).items():
        firsts.setdefault(replace(variant, seed=0), group)
    for place, group in enumerate(firsts.values(), start=1):
        variant, by_method = group[0].variant, _by_method(group, results)
        shared = _shared(list(by_method.values()))
        if not shared:
            continue
        longest = max(shared, key=lambda text: len(next(iter(by_method.values()))[text].features))
        chosen = {method: explained[longest] for method, explained in by_method.items()}
        first = next(iter(chosen.values()))
        scores = {method: each.scores for method, each in chosen.items()}
        words = [feature.text for feature in first.features]
        title = f"{variant.model}, {longest}: for and against {first.explained}"
        name = f"{place}-{variant.dataset.name}-{variant.model.name}-{named(variant.chain)}"
        yield Drawing(f"{name}-words", title, partial(word_bars, scores, words, title))
        for method, each in chosen.items():
            if each.by_token is not None:
                yield Drawing(f"{name}-tokens-{method}", f"{method}, token by token.", partial(heat_map, each))


def _by_method(cells: Sequence[Cell], results: Results) -> dict[str, Mapping[str, Attribution]]:
    """What was explained, by the method's display name, then by text; a first replicate stands for all."""
    found: dict[str, Mapping[str, Attribution]] = {}
    for cell in cells:
        record = results.records.get(cell.id)
        if cell.replicate or cell.method is None or of_components(cell.method) or not (record and record.bundle):
            continue
        found[str(cell.method)] = {each.example.id: each for each in results.attributions(record)}
    return found


def _shared(tables: Sequence[Mapping[str, Attribution]]) -> list[str]:
    """The texts in every table, in the order of the first."""
    return [text for text in tables[0] if all(text in table for table in tables)] if tables else []
