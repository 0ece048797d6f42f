"""On random stores: order, front and recommendation go by what methods share, and words agree with the tables."""

import re
from dataclasses import replace

import numpy as np
import pytest
from attrimark.document.render import terminal
from attrimark.results.scores import foreign
from attrimark.studies.leaderboard.pareto import costs, front
from attrimark.studies.leaderboard.recommendation import recommendation
from attrimark.studies.leaderboard.sections import section_of
from attrimark_registry import Cost
from attrimark_registry.removal import OPERATORS, family_of

from tests.references.drawn_records import TEXTS, board_of, cells
from tests.references.tiers import tiered

STORES = range(200)
EVERY = ("mask", "delete", "mean")


def store_of(draw):
    """Records by method: of other means, costs and own operators, in a table that is complete or not."""
    rng = np.random.default_rng(draw)
    operators = EVERY[: rng.integers(1, 4)]
    seeds, texts = range(rng.integers(1, 7)), TEXTS[: rng.integers(2, 13)]
    difficulty = rng.normal(0, 0.2, size=(20, len(TEXTS), len(OPERATORS)))

    def method(name, mean, home, spread):
        own = np.random.default_rng([draw, *name.encode()]).normal(0, spread, size=difficulty.shape)
        values = mean + 0.5 * difficulty + own

        def value(seed, text, operator):
            advantage = 0.1 * (
                home is not None and family_of(operator) in {family_of(each) for each in home.split("+")}
            )
            return float(values[seed, text, OPERATORS.index(operator)] + advantage)

        spent = Cost(forwards=int(rng.integers(1, 5)), flops=int(rng.integers(1, 5)) * 10**9, seconds=1.0)
        made = cells(name, value, operator=home, operators=operators, seeds=seeds, texts=texts)
        return [replace(each, own=spent) for each in made]

    homes = [None, None, "mask", "delete", "attention", "pad", "mean", "mask+mean"]
    found = {"chance": method("chance", 0.3, None, 0.1)}
    for place in range(rng.integers(1, 6)):
        home = homes[rng.integers(len(homes))]
        found[f"m{place}"] = method(f"m{place}", rng.normal(0.5, 0.15), home, rng.choice([0.001, 0.05, 0.3]))
    return found, method


def means(records):
    """By operator, over all seeds and texts."""
    grids = {}
    for record in records:
        for each in record.measures:
            grids.setdefault(each.operator, []).append(each.value)
    return {operator: float(np.mean(values)) for operator, values in grids.items()}


def worse_everywhere(one, other):
    """Whether one is behind the other under every family that is foreign to both, by at least what tables show."""
    homes = [frozenset((each[0].specs["operator"] or "").split("+")) - {""} for each in (one, other)]
    mine, others = means(one), means(other)
    shared = [name for name, kept in zip(mine, foreign(list(mine), *homes), strict=True) if kept]
    return bool(shared) and all(others[name] > mine[name] + 1e-6 for name in shared)


def circular(names, better):
    """Whether anything is better than itself by way of others: then there is no order to hold to."""
    reached = {name: set(better[name]) for name in names}
    for _ in names:
        reached = {name: set().union(found, *(reached[each] for each in found)) for name, found in reached.items()}
    return any(name in found for name, found in reached.items())


@pytest.mark.parametrize("draw", tiered(STORES, lambda draw: draw < 60))
def test_what_is_worse_everywhere_is_below(draw):
    store, _ = store_of(draw)
    board = board_of(*store.values())
    spent, column = costs(board), board.first
    better = {name: [other for other in store if worse_everywhere(store[name], store[other])] for name in store}
    if circular(store, better):
        return
    order = [row.method for row in board.rows]
    found = recommendation(board)
    for name, others in better.items():
        for other in others:
            assert order.index(other) < order.index(name)
            scored = all(row.scores[column.digest].adjusted for row in board.rows if row.method in (name, other))
            if scored and spent[other] <= spent[name]:
                assert name not in front(board, column)
                assert found is None or found.method != name


@pytest.mark.parametrize("draw", tiered(STORES, lambda draw: draw < 40))
def test_a_bad_method_more_changes_no_other_verdict(draw):
    store, method = store_of(draw)
    board = board_of(*store.values())
    homes = [None, "mask", "delete", "pad"]
    more = board_of(*store.values(), method("bad", -3.0, homes[draw % len(homes)], 0.05))
    verdicts = [
        {
            row.method: (score.verdict, score.may_be_best)
            for row in each.rows
            if (score := row.scores.get(each.first.digest)) and row.method != "bad"
        }
        for each in (board, more)
    ]
    for name, (verdict, may_be_best) in verdicts[0].items():
        assert verdicts[1][name][0] == verdict
        assert may_be_best in (None, verdicts[1][name][1])  # None: there was no other method to compare it with


@pytest.mark.parametrize("draw", tiered(STORES, lambda draw: draw < 40))
def test_whatever_reference_a_method_has_the_others_keep_their_places(draw):
    store, method = store_of(draw)
    board = board_of(*store.values())
    scored = [row.method for row in board.rows if row.scores[board.first.digest].adjusted]
    for reference in OPERATORS:
        more = board_of(*store.values(), method("new", 0.5, reference, 0.05))
        assert {row.method for row in more.rows if row.scores[more.first.digest].adjusted} >= set(scored)


@pytest.mark.parametrize("draw", tiered(STORES, lambda draw: draw < 60))
def test_the_words_agree_with_the_tables(draw):
    store, _ = store_of(draw)
    board = board_of(*store.values())
    section, found = section_of(board, details=True), recommendation(board)
    said = " ".join(section.answers)
    shown = terminal.as_text([section])
    assert shown.index(section.answers[0].split(".")[0][:40]) < shown.index("method ")  # words come first
    marks = {name: " ".join(cells) for name, *cells in section.grids[0].rows}
    beats = [name for name, cells in marks.items() if "*" in cells]
    listed = re.search(r"\), ([^.]*?) beats? chance", said)
    assert (re.split(", | and ", listed[1]) if listed else []) == beats
    if found is None:
        assert not said
        return
    used = re.match(r"Use (\S+): ", said)
    assert (used and used[1]) == found.method
    if found.method:
        assert found.method in beats
        score = next(row.scores[board.first.digest] for row in board.rows if row.method == found.method)
        if score.behind and np.isfinite(score.behind.low):  # else it is the only one that has a score
            assert -score.behind.low <= board.first.margin
        cheaper = [each for each in beats if costs(board)[each] < costs(board)[found.method]]
        assert all(found.within.get(each, np.inf) > found.margin for each in cheaper)
    elif "No method can be recommended" in said:
        assert not beats or board.weak
    else:
        assert said.startswith("Cannot tell")
        assert all(found.within.get(each, np.inf) > found.margin for each in beats) or len(beats) > 1
