"""Metrics of faithfulness against their definitions: by hand, by brute force, and over all orders of ties."""

from itertools import permutations

import numpy as np
import pytest
from attrimark.run.measure import measure
from attrimark.run.prepare import prepare
from attrimark_plugins.metrics.aopc import AopcComprehensiveness, AopcSufficiency
from attrimark_plugins.metrics.comprehensiveness import Comprehensiveness
from attrimark_plugins.metrics.comprehensiveness_curve import ComprehensivenessCurve
from attrimark_plugins.metrics.datamodeling_score import DatamodelingScore, distinct, spearman
from attrimark_plugins.metrics.faithfulness_auc import FaithfulnessAuc
from attrimark_plugins.metrics.normalised_aopc import NormalisedAopc
from attrimark_plugins.metrics.shared.exact_bounds import all_subsets, beam_bounds, exact_bounds, places
from attrimark_plugins.metrics.sufficiency import Sufficiency
from attrimark_plugins.metrics.sufficiency_curve import SufficiencyCurve
from attrimark_registry import Attribution, Example, Scores, Target, features_of
from attrimark_registry import conformance as checks
from attrimark_registry.conformance import additive_game, play, random_game
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import spearmanr

from tests.references import networks
from tests.references.removal_orders import aopc_along, aopc_bounds

few = st.integers(-2, 2).map(float)  # few values, so that many tie
scores_of_few = st.lists(few, min_size=1, max_size=5).map(np.array)
METRICS = (
    AopcComprehensiveness(ratios=(0.2, 0.5)),
    AopcSufficiency(ratios=(0.3,)),
    NormalisedAopc(),
    NormalisedAopc(direction="sufficiency", most_exact=2, beam=10),
    FaithfulnessAuc(steps=3),
)


def judged(metric, scores, game, seed: int = 0) -> Scores:
    text = " ".join("abcdefghijklmnopqrstuvwxyz"[: len(scores)])
    example = Example("letters", (text,), "positive")
    given = Attribution(example, features_of((text,), "word"), np.array(scores, float), Target((1,)), "positive")
    return play(metric.explore(given, np.random.default_rng(seed)), game, len(scores))


def probability(count: int, seed: int = 0):
    return random_game(count, seed, "probability")


def found_by_beams(count: int, width: int, game) -> list[float]:
    def search():
        return np.array((yield from beam_bounds(count, width)))

    return play(search(), game, count).values.tolist()


def removing(count: int, gone) -> np.ndarray:
    return ~np.isin(np.arange(count), list(gone))[None, :]


# What all of them hold


@pytest.mark.parametrize("check", checks.SUBSET_METRIC_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_metrics_conform(metric, check):
    """Among the checks: ties and constant scores count as the average over their orders."""
    check(metric)


@pytest.mark.parametrize("metric", [*METRICS, DatamodelingScore()], ids=str)
def test_a_model_that_never_changes_its_mind_is_no_trouble(metric):
    for count in (1, 4, 7):
        value = judged(metric, range(count), lambda keep: np.full(len(keep), 0.7)).values
        assert metric.bounds[0] <= value <= metric.bounds[1]


# AOPC


@settings(max_examples=40, deadline=None)
@given(scores_of_few, st.lists(st.sampled_from([0.01, 0.2, 0.5, 1.0]), min_size=1, max_size=4), st.integers(0, 50))
def test_aopc_is_the_mean_of_its_rationales(scores, ratios, seed):
    game = probability(len(scores), seed)
    comprehensive = [judged(Comprehensiveness(ratio=ratio), scores, game).values for ratio in ratios]
    sufficient = [1 - judged(Sufficiency(ratio=ratio), scores, game).values for ratio in ratios]
    for metric, wanted in ((AopcComprehensiveness, comprehensive), (AopcSufficiency, sufficient)):
        assert judged(metric(ratios=tuple(ratios)), scores, game).values == pytest.approx(np.mean(wanted))


@settings(max_examples=40, deadline=None)
@given(scores_of_few, st.booleans(), st.integers(0, 50))
def test_a_curve_is_its_metric_at_every_length(scores, clip, seed):
    game = probability(len(scores), seed)
    ratios = (0.1, 0.5, 0.9)
    for metric, single in ((SufficiencyCurve, Sufficiency), (ComprehensivenessCurve, Comprehensiveness)):
        told = judged(metric(ratios=ratios, clip=clip), scores, game)
        points = [judged(single(ratio=ratio, clip=clip), scores, game).values for ratio in ratios]
        assert list(told.diagnostics.values()) == pytest.approx(points)
        assert list(told.diagnostics) == ["at 0.1", "at 0.5", "at 0.9"]
        assert told.values == pytest.approx(np.mean(points))


def test_the_whole_text_as_rationale_loses_nothing_and_leaves_nothing():
    game = probability(4)
    full, empty = game(np.array([[True], [False]]).repeat(4, axis=1))
    assert judged(AopcSufficiency(ratios=(1.0,)), [4, 3, 2, 1], game).values == 0.0
    assert judged(AopcComprehensiveness(ratios=(1.0,)), [4, 3, 2, 1], game).values == pytest.approx(full - empty)


def test_aopc_by_hand():
    """Ten words of which the first two carry 0.5 and 0.3: erased at one, one, one, two and five words."""
    game = additive_game(np.array([0.5, 0.3, *[0.0] * 8]), empty=0.1)
    ranking = np.arange(10, 0, -1)
    assert judged(AopcComprehensiveness(), ranking, game).values == pytest.approx((3 * 0.5 + 2 * 0.8) / 5)
    assert judged(AopcSufficiency(), ranking, game).values == pytest.approx((3 * 0.3 + 0) / 5)


def test_a_list_of_ratios_is_what_a_suite_writes():
    assert AopcSufficiency.model_validate({"ratios": [0.1, 1]}).ratios == (0.1, 1.0)
    for ratios in ([], [0.0], [1.1]):
        with pytest.raises(ValidationError):
            AopcSufficiency.model_validate({"ratios": ratios})


def test_a_metric_says_which_way_is_better():
    assert AopcComprehensiveness.higher_is_better
    assert NormalisedAopc.higher_is_better
    assert DatamodelingScore.higher_is_better
    assert not AopcSufficiency.higher_is_better
    assert not FaithfulnessAuc.higher_is_better


# Bounds over all orders, and what is normalised by them


@pytest.mark.parametrize(("count", "seed"), [(1, 0), (2, 0), (4, 1), (6, 2), (7, 3)])
def test_exact_bounds_equal_those_of_all_orders(count, seed):
    game = probability(count, seed)
    told = judged(NormalisedAopc(), range(count), game).diagnostics
    assert (told["worst"], told["best"]) == pytest.approx(aopc_bounds(game, count))
    assert told["exact"] == 1.0


def test_subsets_stand_where_their_bits_say():
    keep = all_subsets(5)
    assert places(keep).tolist() == list(range(32))
    assert keep[0b10010].tolist() == [False, True, False, False, True]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.integers(1, 4), st.integers(0, 10**6))
def test_beams_stay_within_the_exact_bounds(count, width, seed):
    game = probability(count, seed)
    least, greatest = exact_bounds(game(all_subsets(count)))
    found = found_by_beams(count, width, game)
    assert least - 1e-12 <= found[0] <= found[1] <= greatest + 1e-12


@pytest.mark.parametrize("count", [2, 5, 7])
def test_a_beam_that_holds_everything_is_exact(count):
    game = probability(count, 5)
    assert found_by_beams(count, 2**count, game) == pytest.approx(exact_bounds(game(all_subsets(count))))


def test_a_beam_asks_for_no_more_than_it_needs():
    asked = []
    game = probability(12)
    found_by_beams(12, 5, lambda keep: (asked.append(len(keep)), game(keep))[1])
    assert len(asked) == 12
    assert sum(asked) <= 2 * 5 * 12 * 13 / 2


@pytest.mark.parametrize("seed", range(3))
def test_the_best_order_scores_one_and_the_worst_nought(seed):
    game = probability(6, seed)
    orders = sorted(permutations(range(6)), key=lambda order: aopc_along(game, order))
    for order, comprehensive in ((orders[0], 0.0), (orders[-1], 1.0)):
        ranks = np.empty(6)
        ranks[list(order)] = -np.arange(6)
        assert judged(NormalisedAopc(), ranks, game).values == pytest.approx(comprehensive)
        # what is removed first there is kept last here
        turned = judged(NormalisedAopc(direction="sufficiency"), -ranks, game).values
        assert turned == pytest.approx(1 - comprehensive)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(5)), st.integers(0, 50))
def test_normalised_aopc_is_a_place_between_the_bounds(order, seed):
    game = probability(5, seed)
    ranks = np.empty(5)
    ranks[list(order)] = -np.arange(5)
    worst, best = aopc_bounds(game, 5)
    scores = judged(NormalisedAopc(), ranks, game)
    assert scores.diagnostics["reached"] == pytest.approx(aopc_along(game, order))
    assert scores.values == pytest.approx((aopc_along(game, order) - worst) / (best - worst))
    kept = judged(NormalisedAopc(direction="sufficiency"), ranks, game)
    assert kept.values == pytest.approx((best - aopc_along(game, order[::-1])) / (best - worst))


def test_weights_in_their_order_are_the_best_order_of_an_additive_model():
    weights = np.random.default_rng(0).standard_normal(8)
    for metric in (NormalisedAopc(), NormalisedAopc(most_exact=3), NormalisedAopc(direction="sufficiency")):
        assert judged(metric, weights, additive_game(weights)).values == pytest.approx(1.0)
        assert judged(metric, -weights, additive_game(weights)).values == pytest.approx(0.0)


def test_a_scaled_model_scores_the_same():
    """What raw AOPC cannot give: a number that does not depend on how sure the model is."""
    game, scores = probability(6), np.random.default_rng(1).standard_normal(6)
    plain = judged(NormalisedAopc(), scores, game)
    timid = judged(NormalisedAopc(), scores, lambda keep: 0.4 + 0.1 * game(keep))
    assert timid.values == pytest.approx(plain.values)
    assert timid.diagnostics["reached"] == pytest.approx(0.1 * plain.diagnostics["reached"])


def test_many_tied_words_are_counted_out_where_all_subsets_are_known():
    game, orders = probability(9), np.random.default_rng(0)
    random = [judged(NormalisedAopc(), orders.permutation(9), game).values for _ in range(200)]
    constant = [judged(NormalisedAopc(), np.zeros(9), game, seed).values for seed in range(2)]
    assert constant[0] == constant[1] == pytest.approx(np.mean(random), abs=4 * np.std(random) / 200**0.5)


def test_above_the_most_exact_length_it_is_said():
    told = judged(NormalisedAopc(most_exact=5), range(6), probability(6)).diagnostics
    assert told["exact"] == 0.0
    assert told["worst"] <= told["reached"] <= told["best"]


def test_twelve_words_are_bounded_exactly_and_thirteen_by_search():
    for count, exact in ((12, 1.0), (13, 0.0)):
        assert judged(NormalisedAopc(), range(count), probability(count)).diagnostics["exact"] == exact
    assert judged(NormalisedAopc(most_exact=14), range(14), probability(14)).diagnostics["exact"] == 1.0


def test_all_subsets_are_asked_for_in_one_question():
    exploration = NormalisedAopc().explore(
        Attribution(
            Example("e", ("a b c",)), features_of(("a b c",), "word"), np.array([3.0, 1.0, 2.0]), Target((1,)), "x"
        ),
        np.random.default_rng(0),
    )
    assert len(next(exploration)) == 8
    with pytest.raises(StopIteration):
        exploration.send(np.arange(8.0))


# Faithfulness AUC


def test_the_area_of_a_model_that_says_the_same_is_its_accuracy():
    for decision in (0.0, 1.0):
        for scores in ([1, 2, 3], np.zeros(7), [5]):
            area = judged(
                FaithfulnessAuc(), scores, lambda keep, decision=decision: np.full(len(keep), decision)
            ).values
            assert area == pytest.approx(decision)


def test_the_area_by_hand():
    """A decision that needs the first of ten words stands at the full text alone: half a step of a tenth."""
    game = additive_game(np.eye(10)[0])
    assert judged(FaithfulnessAuc(), np.arange(10, 0, -1), game).values == pytest.approx(0.05)
    # the other way round it stands until all ten are gone
    assert judged(FaithfulnessAuc(), np.arange(10), game).values == pytest.approx(0.95)
    assert judged(FaithfulnessAuc(), np.zeros(10), game).values == pytest.approx(0.5)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)), st.integers(1, 12), st.integers(0, 50))
def test_the_area_is_that_of_the_curve(order, steps, seed):
    game = random_game(6, seed, "decision")
    ranks = np.empty(6)
    ranks[list(order)] = -np.arange(6)
    curve = [game(removing(6, order[: -(-step * 6 // steps)]))[0] for step in range(steps + 1)]
    wanted = np.trapezoid(curve, dx=1 / steps)
    assert judged(FaithfulnessAuc(steps=steps), ranks, game).values == pytest.approx(wanted)


def test_accuracy_is_on_the_gold_label():
    """With every share at which a constant model is asked, the mean over texts is its accuracy."""
    model = networks.bert()
    labels = ["positive", "negative", "positive", "positive"]
    examples = [
        Example(str(place), (text,), label)
        for place, (text, label) in enumerate(zip(networks.TEXTS, labels, strict=True))
    ]
    model.network.classifier.weight.data.zero_()  # it says what its bias says
    model.network.classifier.bias.data.copy_(model.network.classifier.bias.data.new_tensor([0.0, 1.0]))
    with model.active():
        prepared = prepare(model, examples, "predicted", "word")
        explained = [
            Attribution(row.example, row.features, np.arange(len(row.features), dtype=float), row.target, "positive")
            for row in prepared.rows
        ]
        areas = [each.value for each in measure(prepared, FaithfulnessAuc(), explained, ("mask",))]
    assert areas == pytest.approx([1.0, 0.0, 1.0, 1.0])


# Linear datamodeling score


def test_an_additive_model_is_foretold_by_its_weights():
    weights = np.random.default_rng(0).standard_normal(12)
    assert judged(DatamodelingScore(), weights, additive_game(weights, 0.3)).values == pytest.approx(1.0)
    assert judged(DatamodelingScore(), -weights, additive_game(weights)).values == pytest.approx(-1.0)
    assert judged(DatamodelingScore(), 3 * weights, additive_game(weights)).values == pytest.approx(1.0)


@pytest.mark.parametrize("count", [1, 3, 12])
def test_constant_scores_foretell_as_much_as_random_ones(count):
    game = random_game(count)
    assert judged(DatamodelingScore(), np.zeros(count), game).values == 0.0
    random = [
        judged(DatamodelingScore(), np.random.default_rng(seed).standard_normal(count), game, seed).values
        for seed in range(200)
    ]
    assert np.mean(random) == pytest.approx(0.0, abs=4 * np.std(random) / 200**0.5)


def test_equal_scores_that_are_not_nought_count_words():
    """Their sums are not constant: a model that a longer text makes surer is foretold by its length."""
    weights = np.array([1.0, 2.0, 1.5, 0.7])
    assert judged(DatamodelingScore(), np.full(4, 0.1), additive_game(weights)).values > 0.5


def test_a_short_text_is_asked_for_every_subset():
    game = random_game(5)
    scores = np.array([0.4, -1.0, 2.0, 0.1, 0.0])
    keep = all_subsets(5)
    wanted = spearmanr(keep @ scores, game(keep)).statistic
    for seed in range(3):
        assert judged(DatamodelingScore(), scores, game, seed).values == pytest.approx(wanted)


def test_a_long_text_is_asked_for_random_subsets_of_half_its_words():
    asked = []
    game = random_game(26)
    for seed in range(30):
        judged(DatamodelingScore(), range(26), lambda keep: (asked.append(keep), game(keep))[1], seed)
    assert {len(keep) for keep in asked} == {32}
    assert np.mean(asked) == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize("count", [6, 8, 100])
def test_no_subset_is_drawn_twice(count):
    """Of six words there are but twice as many subsets as are drawn."""
    for seed in range(20):
        keep = distinct(32, count, np.random.default_rng(seed))
        assert keep.shape == (32, count)
        assert len(np.unique(keep, axis=0)) == 32


def test_every_selection_of_subsets_is_equally_likely():
    """Of the four subsets of two words, three: each of them is the one that is missing a quarter of the time."""
    rng = np.random.default_rng(0)
    missing = [6 - places(distinct(3, 2, rng)).sum() for _ in range(4000)]
    assert np.bincount(missing) / 4000 == pytest.approx([0.25] * 4, abs=4 * (0.1875 / 4000) ** 0.5)


def test_the_generator_decides_which_subsets_are_drawn():
    game, scores = random_game(20), np.random.default_rng(0).standard_normal(20)
    first, again, other = (judged(DatamodelingScore(), scores, game, seed).values for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("check", checks.SUBSET_METRIC_CHECKS, ids=lambda check: check.__name__)
def test_the_datamodeling_score_conforms(check):
    check(DatamodelingScore())


def test_sums_that_are_equal_tie_in_whatever_order_they_were_added_up():
    assert 0.1 + 0.2 != 0.3
    scores = np.array([0.1, 0.2, 0.3])
    keep = all_subsets(3)
    wanted = spearman(np.round(keep @ scores, 9), random_game(3)(keep))
    assert judged(DatamodelingScore(), scores, random_game(3)).values == pytest.approx(wanted)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(few, few), min_size=3, max_size=12))
def test_spearman_equals_scipys(pairs):
    one, other = np.array(pairs).T
    if np.ptp(one) and np.ptp(other):
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)
    else:
        assert spearman(one, other) == 0.0
