"""Records as a run would leave them, of made-up values: what tables are tested with."""

from dataclasses import replace

import numpy as np
from attrimark.studies.leaderboard.leaderboard import leaderboards
from attrimark_registry import Cost, Measure, ModelMetric, Record, SpanMetric, SubsetMetric


class Kept(SubsetMetric):
    name = "kept"

    def explore(self, attribution, rng):
        raise NotImplementedError


class Lost(Kept):
    name = "lost"
    higher_is_better = False


class Agreement(SpanMetric):
    name = "agreement"
    headline = False

    def compare(self, attribution, example):
        raise NotImplementedError


class Marked(Agreement):
    name = "marked"
    headline = True


class Described(Kept):
    name = "described"
    higher_is_better = None
    oracle = 1.0


class Accuracy(ModelMetric):
    name = "accuracy"

    def measure(self, model, examples):
        raise NotImplementedError


KEPT, LOST, DESCRIBED, AGREEMENT, ACCURACY = Kept(), Lost(), Described(), Agreement(), Accuracy()
MARKED = Marked()
METRICS = {metric.digest: metric for metric in (KEPT, LOST, DESCRIBED, AGREEMENT, ACCURACY)}
OPERATORS = ("mask", "delete", "attention")
SEEDS = range(5)
TEXTS = tuple(f"t{number}" for number in range(12))


def specs(method, seed=0, operator=None, replicate=0, **others):
    return {
        "dataset": "films",
        "model": "tiny",
        "chain": "frozen",
        "seed": seed,
        "method": method,
        "operator": operator,
        "replicate": replicate,
        "target": "predicted",
        **others,
    }


def cells(
    method,
    value,
    *,
    metric=KEPT,
    operator=None,
    operators=OPERATORS,
    seeds=SEEDS,
    texts=TEXTS,
    replicate=0,
    told=lambda *_: {},
    **others,
):
    """One record a seed; `value(seed, text, operator)` with seed and text as numbers.

    Args:
        told: the diagnostics, from the same.
        others: specs that are not as usual.
    """
    return [
        Record(
            cell=f"{method}-{operator}-{seed}-{replicate}-{others}",
            specs=specs(method, seed, operator, replicate, **others),
            status="ok",
            own=Cost(forwards=3 * len(texts), flops=2 * 10**9 * len(texts), seconds=0.5 * len(texts)),
            measures=tuple(
                Measure(
                    metric.digest,
                    text,
                    name,
                    value(seed, TEXTS.index(text), name),
                    told(seed, TEXTS.index(text), name),
                )
                for text in texts
                for name in operators
            ),
        )
        for seed in seeds
    ]


def noise(draw, spread=0.01):
    """Crossed effects of seed and text, the same for whoever asks, and a residual of each draw's own."""
    common, own = np.random.default_rng(0), np.random.default_rng(draw)
    shared = {(seed, text): common.normal(0, 0.2) for seed in range(20) for text in range(len(TEXTS))}
    return lambda seed, text: shared[seed, text] + own.normal(0, spread)


def flat(mean):
    """Values around a mean, with the effects of seeds and texts that all methods share."""
    shift = noise(round(1000 * abs(mean)))
    return lambda seed, text, operator: mean + shift(seed, text)


def accuracy(value, seeds=SEEDS, **others):
    """Records of the model alone."""
    return [
        Record(
            f"model-{seed}-{others}",
            specs(None, seed, **others),
            "ok",
            measures=(Measure(ACCURACY.digest, "", "", value),),
        )
        for seed in seeds
    ]


def board_of(*groups, metrics=METRICS):
    (board,) = leaderboards([record for group in groups for record in group], metrics)
    return board


def row_of(board, method):
    (row,) = (row for row in board.rows if row.method == method)
    return row


def score_of(board, method, metric=KEPT):
    return row_of(board, method).scores[metric.digest]


def ended(method, status, reason, seeds=SEEDS):
    """Records of cells that have no numbers."""
    return [Record(f"{method}-{seed}", specs(method, seed), status, reason) for seed in seeds]


def joined(first, *others):
    """One record with the measures of several."""
    return replace(first, measures=sum((each.measures for each in others), first.measures))
