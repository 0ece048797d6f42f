"""Scores are compared with the same scores on other words: by chance no method is marked, whatever the metric."""

import numpy as np
import pytest
from attrimark.statistics.simultaneous import simultaneous
from attrimark.statistics.word_permutation import against_chance
from attrimark_plugins.metrics.average_precision import expected_average_precision

from tests.references.tiers import tiered

ORDERS = 99


def averaged_precision(ranks, marked):
    """Of untied scores: precision at the places of marked words."""
    place = ranks[..., marked]
    found = 1 + (place[..., :, None] > place[..., None, :]).sum(axis=-1)
    return (found / (1 + place)).mean(axis=-1)


def first_right(ranks, share, words):
    """1 where the first place holds one of the first words, which make up that share of all; else 0."""
    return (ranks.argmin(axis=-1) < share * words).astype(float)


METRICS = {
    "average precision, 1 cue in 10 words": (10, lambda ranks: averaged_precision(ranks, [0])),
    "average precision, 1 cue in 20 words": (20, lambda ranks: averaged_precision(ranks, [0])),
    "agreement, right by chance at .9": (10, lambda ranks: first_right(ranks, 0.9, 10)),
}


def ranks_of(rng, words, methods, seeds, texts, known=0.0):
    """Of scores whose methods, and whose seeds even more, agree.

    Args:
        known: how much the score of the first word is raised, in standard deviations.
    """
    shared = rng.normal(size=(methods, 1, texts, words)) + 0.5 * rng.normal(size=(1, 1, texts, words))
    scores = shared + 0.5 * rng.normal(size=(methods, seeds, texts, words))
    scores[..., 0] += known
    return (-scores).argsort(axis=-1).argsort(axis=-1)


def permuted(rng, ranks, metric, orders=ORDERS):
    """By method: the mean over seeds and texts, and the means in other orders of the words."""
    drawn = rng.permuted(np.broadcast_to(np.arange(ranks.shape[-1]), (orders, *ranks.shape[2:])), axis=-1)
    others = [
        metric(np.take_along_axis(ranks, np.broadcast_to(order, ranks.shape), axis=-1)).mean(axis=(1, 2))
        for order in drawn
    ]
    means = zip(metric(ranks).mean(axis=(1, 2)).tolist(), np.transpose(others), strict=True)
    return {str(place): each for place, each in enumerate(means)}


def test_the_metric_of_the_simulations_is_that_of_tables():
    rng = np.random.default_rng(0)
    for _ in range(20):
        scores = rng.normal(size=8)
        marked = np.isin(np.arange(8), rng.choice(8, size=3, replace=False))
        ranks = (-scores).argsort().argsort()
        assert averaged_precision(ranks, marked) == pytest.approx(expected_average_precision(scores, marked))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(("seeds", "texts"), tiered([(1, 20), (5, 24), (3, 8)], lambda seeds, texts: texts == 24))
def test_by_chance_few_tables_mark_anything(name, seeds, texts):
    words, metric = METRICS[name]
    rng = np.random.default_rng([seeds, texts])
    tables = 300
    marked = [
        any(each.direction != "tie" for each in against_chance(permuted(rng, ranks, metric)).values())
        for ranks in (ranks_of(rng, words, 5, seeds, texts) for _ in range(tables))
    ]
    assert np.mean(marked) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / tables)


def test_a_method_that_knows_a_little_is_seen_where_one_draw_of_chance_hides_it():
    rng, metric = np.random.default_rng(0), METRICS["average precision, 1 cue in 10 words"][1]
    seen, beside_one_draw = [], []
    for _ in range(120):
        ranks = ranks_of(rng, 10, 5, 5, 24, known=0.85)
        seen.append(against_chance(permuted(rng, ranks, metric, 199))["0"].direction == "above")
        one_draw = metric(rng.permuted(np.broadcast_to(np.arange(10), (24, 10)), axis=-1))  # for all seeds
        differences = {str(place): each - one_draw for place, each in enumerate(metric(ranks))}
        beside_one_draw.append(simultaneous(differences, draws=1000)["0"].direction == "above")
    assert np.mean(seen) >= 0.7
    assert np.mean(beside_one_draw) <= 0.5


def test_what_no_order_changes_is_a_tie():
    same = np.full(ORDERS, np.float32(0.1), dtype=np.float64)
    found = against_chance({"entropy": (0.1, same), "other": (1.0, np.linspace(0, 0.5, ORDERS))})
    assert (found["entropy"].p, found["entropy"].direction) == (1.0, "tie")
    assert found["other"].direction == "above"


def test_both_sides_are_tested_and_a_bad_method_more_changes_nothing():
    rng = np.random.default_rng(1)
    orders = rng.normal(size=(3, ORDERS))
    two = {"good": (4.0, orders[0]), "none": (0.5, orders[1])}
    found = against_chance(two)
    assert (found["good"].direction, found["none"].direction) == ("above", "tie")
    more = against_chance({**two, "bad": (-4.0, orders[2])})
    assert more["bad"].direction == "below"
    assert {name: more[name].direction for name in two} == {name: found[name].direction for name in two}


def test_there_may_be_nothing_to_compare():
    assert against_chance({}) == {}
