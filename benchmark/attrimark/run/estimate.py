"""What a cell will cost, before anything is loaded: its explorations are played on a value that is always zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from attrimark_registry.attribution import Attribution
from attrimark_registry.encoding import Target
from attrimark_registry.plugin import Exploration, ModelMethod, SubsetMethod, SubsetMetric
from attrimark_registry.removal import FAMILIES
from attrimark_registry.text import Example, features_of

from attrimark.results.scores import is_control
from attrimark.suite.choices import Choices
from attrimark.suite.matrix import Cell

from .chance import DRAWS, reordered
from .randomness import generator_for

TOKENS_A_WORD = 1.4  # English words in subword vocabularies, with their punctuation
TOKENS_WRITTEN = 32  # where no reference says how long a text is: a writer's own limit, unless it is told another
DEFAULT_OPERATORS = len(FAMILIES)  # at most: tokenizers without a mask have one fewer


@dataclass(frozen=True)
class Estimate:
    """Rows through the network (a backward counts as one more) and their tokens, prompts not included."""

    passes: int = 0
    tokens: int = 0

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.passes + other.passes, self.tokens + other.tokens)


def estimate(cell: Cell) -> Estimate:
    """Passes and tokens of a cell's method, of its metrics and of its multiverse, duplicates within each removed."""
    if cell.problem:
        return Estimate()
    if cell.method is None:
        words = sum(len(features_of(each.segments, "word")) for each in cell.variant.examples)
        return Estimate(len(cell.variant.examples), round(words * TOKENS_A_WORD))
    granularity = "word" if cell.variant.granularity == "token" else cell.variant.granularity
    total = Estimate()
    for example in cell.variant.examples:
        features = features_of(example.segments, granularity)
        words = len(features_of(example.segments, "word"))
        rng = generator_for(cell.suite_seed, cell.method, example.id, cell.replicate)
        passes = 0
        if isinstance(cell.method, SubsetMethod):
            passes = len(_subsets(cell.method.explore(features, rng)))
        elif isinstance(cell.method, ModelMethod):
            # subset methods explain single tokens by the values that the whole asked for
            passes = cell.method.passes * (1 + (_tokens_written(example) if cell.each_token else 0))
        made = Attribution(example, features, rng.permutation(len(features)).astype(np.float32), Target((0,)), "")
        draws = reordered([made], cell.suite_seed, DRAWS) if is_control(cell.method.name) else [made]
        for digest, metric in cell.judgements.items():
            if isinstance(metric, SubsetMetric) and digest not in cell.refusals:
                operators = len(cell.operators or ()) or DEFAULT_OPERATORS
                passes += operators * len(set().union(*(_subsets(metric.explore(each, rng)) for each in draws)))
        passes += sum(_rationales(cell, choices) for choices in cell.outputs.values())
        total += Estimate(passes, round(passes * words * TOKENS_A_WORD))
    return total


def _rationales(cell: Cell, choices: Choices) -> int:
    """The subsets whose raw outputs are kept: the full text, and for each operator the empty one and all rationales."""
    poolings = len(choices.poolings) if isinstance(cell.method, ModelMethod) else 1
    operators = len(cell.operators or ()) or DEFAULT_OPERATORS
    return 1 + operators * (1 + 2 * poolings * len(choices.lengths))


def _tokens_written(example: Example) -> int:
    return round(len(example.reference.split()) * TOKENS_A_WORD) if example.reference else TOKENS_WRITTEN


def _subsets(exploration: Exploration) -> set[bytes]:
    """What it asks for."""
    asked: set[bytes] = set()
    values = None
    try:
        while True:
            keep = exploration.send(values)  # pyright: ignore[reportArgumentType]
            asked |= {np.packbits(row).tobytes() for row in keep}
            values = np.zeros(len(keep))
    except StopIteration:
        return asked
    # a stranger's code refuses, or breaks: what comes of that is recorded when it runs
    except Exception:
        return asked
