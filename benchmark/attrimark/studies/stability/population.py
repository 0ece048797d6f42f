"""What the seeds of one chain say of the same texts: stored attributions, stacked seed upon seed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from attrimark_registry.attribution import Attribution
from attrimark_registry.plugin import Method, Quantizer, Strategy
from attrimark_registry.text import Example, Feature
from jaxtyping import Float

from attrimark.results.results import Results
from attrimark.suite.matrix import Cell, Chain, Variant, named, of_components


@dataclass(frozen=True, eq=False)
class Stack:
    """One text's scores by every seed, in the order of the population's seeds, for one and the same label."""

    example: Example
    features: tuple[Feature, ...]
    explained: str
    scores: Float[np.ndarray, "seeds replicates features"]


@dataclass(frozen=True, eq=False)
class Population:
    """One method's explanations of a chain's models.

    Attributes:
        variant: one of its variants: they differ in nothing but their seed.
        seeds: those that have an explanation of every text in `stacks`.
        left_out: the other texts, with the reason.
        notes: what became of the other seeds.
    """

    variant: Variant
    method: Method
    seeds: tuple[int, ...]
    stacks: tuple[Stack, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def chain(self) -> Chain:
        return self.variant.chain

    @property
    def task(self) -> tuple[str, str]:
        """The dataset and the model, within which chains can be compared."""
        return str(self.variant.dataset), str(self.variant.model)

    @cached_property
    def training(self) -> Chain:
        """The steps that a seed decides: chains that share them share their seeds' networks."""
        return tuple(step for step in self.chain if isinstance(step, Strategy))

    @cached_property
    def quantizers(self) -> Chain:
        return tuple(step for step in self.chain if isinstance(step, Quantizer))

    @property
    def steps(self) -> str:
        """The chain by the names of its steps, without their options."""
        return named(self.chain)

    def among(self, seeds: Collection[int]) -> Population:
        """The same population with some of its seeds only."""
        kept = [place for place, seed in enumerate(self.seeds) if seed in seeds]
        stacks = tuple(replace(stack, scores=stack.scores[kept]) for stack in self.stacks)
        return replace(self, seeds=tuple(self.seeds[place] for place in kept), stacks=stacks)


def populations(results: Results) -> list[Population]:
    """Those of two seeds or more, in the order of the cells."""
    groups: dict[tuple[object, ...], list[Cell]] = {}
    for cell in results.cells:
        if cell.method is not None and not of_components(cell.method):
            variant = replace(cell.variant, seed=0)
            groups.setdefault((variant, cell.method, cell.operator, cell.pooling), []).append(cell)
    made = [_population(group, results) for group in groups.values() if len({cell.variant.seed for cell in group}) > 1]
    return [population for population in made if len(population.seeds) > 1]


def _population(cells: Sequence[Cell], results: Results) -> Population:
    by_seed: dict[int, list[Sequence[Attribution]]] = {}
    notes: dict[str, None] = {}
    for cell in cells:
        record = results.records.get(cell.id)
        if record is None or record.status != "ok" or record.bundle is None:
            reason = record.reason if record and record.status != "ok" else "no result yet"
            notes[f"seed {cell.variant.seed} left out: {reason}"] = None
            by_seed.setdefault(cell.variant.seed, [])
        else:
            by_seed.setdefault(cell.variant.seed, []).append(results.attributions(record))
    replicates = max(map(len, by_seed.values()))
    whole = {seed: found for seed, found in by_seed.items() if found and len(found) == replicates}
    stacks, left_out = _stacked(list(whole.values()))
    method = cells[0].method
    if method is None:
        raise TypeError("the model alone has no explanations")
    return Population(cells[0].variant, method, tuple(whole), stacks, left_out, tuple(notes))


def _stacked(by_seed: Sequence[Sequence[Sequence[Attribution]]]) -> tuple[tuple[Stack, ...], dict[str, str]]:
    """Texts that every seed explains for the same label; why the others are left out."""
    tables = [[{each.example.id: each for each in replicate} for replicate in seed] for seed in by_seed]
    names = dict.fromkeys(each.example.id for seed in by_seed for replicate in seed for each in replicate)
    stacks, left_out = [], {}
    for name in names:
        found = [[table.get(name) for table in seed] for seed in tables]
        known = [[each for each in seed if each is not None] for seed in found]
        if any(len(some) < len(all) for some, all in zip(known, found, strict=True)):
            left_out[name] = "not every seed's model could be explained on it"
        elif len({each.target for seed in known for each in seed}) > 1:
            left_out[name] = 'the seeds\' models explain different labels: set target = "gold" or one fixed label'
        else:
            first = known[0][0]
            scores = np.array([[each.scores for each in seed] for seed in known], dtype=np.float64)
            stacks.append(Stack(first.example, first.features, first.explained, scores))
    return tuple(stacks), left_out
