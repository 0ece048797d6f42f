"""Each metric against its definition: small cases by hand, ties by counting orders."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
import torch
from attrimark_plugins.metrics.accuracy import Accuracy
from attrimark_plugins.metrics.average_precision import AveragePrecision, expected_average_precision
from attrimark_plugins.metrics.comprehensiveness import Comprehensiveness
from attrimark_plugins.metrics.lexicon_agreement import LexiconAgreement
from attrimark_plugins.metrics.parse_rate import ParseRate
from attrimark_plugins.metrics.rationale_agreement import RationaleAgreement
from attrimark_plugins.metrics.shared.rationale import length, rationales, selections
from attrimark_plugins.metrics.sufficiency import Sufficiency
from attrimark_registry import Attribution, Example, Scores, Span, Target, Unsupported, features_of
from attrimark_registry.conformance import play, random_game
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.references import networks
from tests.references.rankings import average_over_orders, average_precision

few = st.integers(-2, 2).map(float)  # few values, so that many tie
scores_of_few = st.lists(few, min_size=1, max_size=5).map(np.array)


def attribution(scores, spans: tuple[Span, ...] = (), explained: str = "positive") -> Attribution:
    """Scores of the words a, b, c, …, which stand at the characters 0, 2, 4, …."""
    text = " ".join("abcdefghijklmnopqrstuvwxyz"[: len(scores)])
    example = Example("letters", (text,), "positive", spans=spans)
    return Attribution(example, features_of((text,), "word"), np.array(scores, float), Target((1,)), explained)


def judged(metric, scores, game) -> Scores:
    return play(metric.explore(attribution(scores), np.random.default_rng(0)), game, len(scores))


def keeping(features: int, kept: list[int]) -> np.ndarray:
    return np.isin(np.arange(features), kept)[None, :]


# Which features a rationale keeps


@settings(max_examples=60, deadline=None)
@given(scores_of_few, st.integers(1, 5))
def test_selections_are_the_tops_of_all_rankings(scores, k):
    k = min(k, len(scores))
    keep, weights = selections(scores, k, np.random.default_rng(0))
    assert len({tuple(line) for line in keep.tolist()}) == len(keep)
    assert weights.sum() == pytest.approx(1)
    for feature in range(len(scores)):
        share = average_over_orders(lambda ranking, this=feature: this in ranking[:k], scores)
        assert weights @ keep[:, feature] == pytest.approx(share)


@settings(max_examples=40, deadline=None)
@given(st.integers(9, 30), st.data(), st.integers(0, 10**6))
def test_too_many_selections_are_sampled_evenly(count, data, seed):
    k = data.draw(st.integers(3, count - 3))
    keep, weights = selections(np.zeros(count), k, np.random.default_rng(seed))
    assert comb(count, k) > 64
    assert keep.shape == (64, count)
    assert len({tuple(line) for line in keep.tolist()}) == 64
    assert (keep.sum(axis=1) == k).all()
    assert np.ptp(keep.sum(axis=0)) <= 4  # where most subsets are taken, some unevenness is left
    assert weights.sum() == pytest.approx(1)


def test_sampled_selections_keep_what_is_certain_and_follow_the_generator():
    scores = np.array([2.0, *[1.0] * 12, 0.0])
    keep, _ = selections(scores, 6, np.random.default_rng(0))
    assert keep[:, 0].all()
    assert not keep[:, -1].any()
    assert np.ptp(keep[:, 1:-1].sum(axis=0)) <= 1
    again, _ = selections(scores, 6, np.random.default_rng(0))
    other, _ = selections(scores, 6, np.random.default_rng(1))
    assert (keep == again).all()
    assert (keep != other).any()


@pytest.mark.parametrize(("most", "exact"), [(20, True), (19, False)])
def test_selections_are_exact_up_to_the_most(most, exact):
    keep, _ = selections(np.zeros(6), 3, np.random.default_rng(0), most)
    assert (len(keep) == comb(6, 3)) == exact
    assert len(keep) <= most


@pytest.mark.parametrize(
    ("ratio", "features", "words"),
    [(0.2, 1, 1), (0.2, 5, 1), (0.2, 6, 2), (0.01, 9, 1), (1.0, 7, 7), (0.07, 100, 7), (0.3, 10, 3)],
)
def test_a_rationale_is_rounded_up_and_never_empty(ratio, features, words):
    assert length(ratio, features) == words


def test_thresholds_keep_what_lies_above():
    scores = np.array([3.0, 0.0, 1.0, 0.0])
    for threshold, kept in (("mean", [0]), (0.5, [0, 2]), (-1.0, [0, 1, 2, 3]), (3.0, [])):
        keep, weights = rationales(scores, None, threshold, np.random.default_rng(0))
        assert np.flatnonzero(keep[0]).tolist() == kept
        assert weights.tolist() == [1.0]


@given(st.floats(-1e6, 1e6), st.integers(1, 30))
def test_equal_scores_are_never_above_their_mean(score, count):
    keep, _ = rationales(np.full(count, score), None, "mean", np.random.default_rng(0))
    assert not keep.any()


# Its options


@pytest.mark.parametrize("metric", [Sufficiency, Comprehensiveness, RationaleAgreement])
def test_naming_one_rule_unsets_the_other(metric):
    assert (metric(ratio=0.5).ratio, metric(ratio=0.5).threshold) == (0.5, None)
    assert (metric(threshold=0.0).ratio, metric(threshold=0.0).threshold) == (None, 0.0)
    assert metric.model_validate(metric().model_dump()) == metric()


@pytest.mark.parametrize("metric", [Sufficiency, Comprehensiveness, RationaleAgreement])
@pytest.mark.parametrize(
    "options",
    [{"ratio": 0.5, "threshold": "mean"}, {"ratio": None, "threshold": None}, {"ratio": 0.0}, {"ratio": 1.5}],
)
def test_rules_that_make_no_sense_are_refused(metric, options):
    with pytest.raises(ValidationError):
        metric(**options)


def test_the_defaults_are_the_documented_ones():
    assert (Sufficiency().ratio, Sufficiency().threshold) == (0.2, None)
    assert (RationaleAgreement().ratio, RationaleAgreement().threshold) == (None, "mean")


# Sufficiency and comprehensiveness


@settings(max_examples=40, deadline=None)
@given(scores_of_few, st.sampled_from([0.2, 0.5, 1.0]), st.booleans(), st.integers(0, 50))
def test_sufficiency_and_comprehensiveness_follow_their_definitions(scores, ratio, clip, seed):
    game, count = random_game(len(scores), seed, "probability"), len(scores)
    k = length(ratio, count)
    full = game(keeping(count, list(range(count))))[0]

    def lost(left: list[int]) -> float:
        drop = full - game(keeping(count, left))[0]
        return max(0.0, drop) if clip else drop

    wanted = average_over_orders(lambda ranking: 1 - lost(ranking[:k]), scores)
    assert judged(Sufficiency(ratio=ratio, clip=clip), scores, game).values == pytest.approx(wanted)
    wanted = average_over_orders(lambda ranking: lost(ranking[k:]), scores)
    assert judged(Comprehensiveness(ratio=ratio, clip=clip), scores, game).values == pytest.approx(wanted)


def test_the_whole_text_is_sufficient():
    game = random_game(4, 0, "probability")
    assert judged(Sufficiency(ratio=1.0), [4, 3, 2, 1], game).values == 1.0


def test_removing_nothing_costs_nothing():
    game = random_game(4, 0, "probability")
    empty = judged(Comprehensiveness(threshold=9.0), [4, 3, 2, 1], game)
    assert (empty.values, empty.diagnostics["kept"]) == (0.0, 0.0)


def test_clipping_hides_a_rationale_that_is_surer_than_the_text():
    def game(keep):
        return np.where(keep.all(axis=1), 0.6, 0.9)

    for metric, wanted in ((Sufficiency, (1.3, 1.0)), (Comprehensiveness, (-0.3, 0.0))):
        plain, clipped = (judged(metric(clip=clip), [2, 1, 0], game).values for clip in (False, True))
        assert (plain, clipped) == pytest.approx(wanted)


def test_the_average_over_ties_is_taken_after_clipping():
    def game(keep):  # the full text 0.5; its first word alone is surer, the second one less sure
        return np.where(keep.all(axis=1), 0.5, np.where(keep[:, 0], 0.9, 0.1))

    assert judged(Sufficiency(ratio=0.5), [0, 0], game).values == pytest.approx(1.0)
    assert judged(Sufficiency(ratio=0.5, clip=True), [0, 0], game).values == pytest.approx((1 + 0.6) / 2)


def test_the_kept_share_stands_beside_the_number():
    game = random_game(5, 0, "probability")
    assert judged(Sufficiency(threshold="mean"), [9, 8, 0, 0, 0], game).diagnostics == {"kept": 0.4}
    assert judged(Sufficiency(ratio=0.5), [0, 0, 0, 0, 0], game).diagnostics["kept"] == pytest.approx(0.6)


def test_everything_is_asked_in_one_question():
    for metric in (Sufficiency(), Comprehensiveness(), RationaleAgreement(ratio=0.4)):
        exploration = metric.explore(attribution([0, 0, 0, 0, 0]), np.random.default_rng(0))
        keep = next(exploration)
        with pytest.raises(StopIteration):
            exploration.send(np.ones(len(keep)))


# Rationale agreement


def test_rationale_agreement_is_the_share_of_same_decisions():
    def game(keep):  # the decision needs the first word
        return keep[:, 0].astype(float)

    assert judged(RationaleAgreement(), [5, 0, 0], game).values == 1.0
    assert judged(RationaleAgreement(), [0, 5, 0], game).values == 0.0
    assert judged(RationaleAgreement(ratio=0.3), [1, 1, 0], game).values == 0.5


def test_an_empty_selection_counts_as_wrong():
    empty = judged(RationaleAgreement(), [1, 1, 1], lambda keep: np.ones(len(keep)))
    assert (empty.values, empty.diagnostics["kept"]) == (0.0, 0.0)


# Average precision


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_average_precision_is_the_mean_over_all_orders_of_ties(data):
    scores = data.draw(scores_of_few)
    marked = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    if marked.any():
        wanted = average_over_orders(lambda ranking: average_precision(ranking, marked), scores)
        assert expected_average_precision(scores, marked) == pytest.approx(wanted)


def compared(metric, scores, spans, explained="positive") -> float | None:
    given = attribution(scores, tuple(spans), explained)
    return metric.compare(given, given.example)


def test_a_perfect_ranking_has_average_precision_one():
    spans = [Span(0, 2, 5, "rationale")]  # the words b and c
    assert compared(AveragePrecision(), [0, 3, 2, 1], spans) == 1.0
    assert compared(AveragePrecision(), [3, 1, 2, 0], spans) == pytest.approx((1 / 2 + 2 / 3) / 2)


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [Span(0, 0, 7, "rationale")],  # everything
        [Span(0, 1, 2, "rationale")],  # the space between words
        [Span(1, 0, 1, "rationale")],  # another segment
        [Span(0, 0, 1, "lexicon")],
    ],
)
def test_texts_without_two_classes_of_words_say_nothing(spans):
    assert compared(AveragePrecision(), [0, 3, 2, 1], spans) is None


# Lexicon agreement


def test_lexicon_agreement_is_a_weighted_concordance_index():
    spans = [Span(0, 0, 1, "lexicon", 2.0), Span(0, 4, 5, "lexicon", -1.0)]  # a: 2, b: 0, c: −1
    pairs = {(0, 1): 2.0, (0, 2): 3.0, (1, 2): 1.0}
    for scores in ([3, 2, 1], [1, 2, 3], [2, 2, 0], [0, 0, 0], [1, 5, 0]):
        given = {(i, j): 0.5 * (1 + np.sign(scores[i] - scores[j])) for i, j in combinations(range(3), 2)}
        wanted = sum(pairs[pair] * given[pair] for pair in pairs) / sum(pairs.values())
        assert compared(LexiconAgreement(), scores, spans) == pytest.approx(wanted)
        other = compared(LexiconAgreement(), scores, spans, explained="negative")
        assert other == pytest.approx(1 - wanted)


def test_lexicon_agreement_says_nothing_without_words_that_differ():
    assert compared(LexiconAgreement(), [1, 2], []) is None
    assert compared(LexiconAgreement(), [1], [Span(0, 0, 1, "lexicon", 2.0)]) is None
    assert compared(LexiconAgreement(), [1, 2], [Span(0, 0, 3, "rationale")]) is None


def test_the_label_that_positive_weights_support_is_an_option():
    spans = [Span(0, 0, 1, "lexicon", 2.0)]
    assert compared(LexiconAgreement(positive="good"), [1, 0], spans, explained="good") == 1.0
    assert compared(LexiconAgreement(positive="good"), [1, 0], spans, explained="positive") == 0.0


# Metrics of the model alone


def labelled(labels) -> list[Example]:
    return [
        Example(str(place), (text,), label)
        for place, (text, label) in enumerate(zip(networks.TEXTS, labels, strict=True))
    ]


@pytest.mark.parametrize("make", [networks.bert, networks.prompted])
def test_accuracy_compares_the_most_probable_label_with_the_gold_one(make):
    model = make()
    with model.active():
        given = [model.labels[row.target.chosen[0]] for row in networks.rows(model)]
        assert Accuracy().measure(model, labelled(given)).tolist() == [1.0] * 4
        wrong = ["positive" if label == "negative" else "negative" for label in given]
        assert Accuracy().measure(model, labelled(wrong)).tolist() == [0.0] * 4
        mixed = Accuracy().measure(model, labelled([given[0], None, wrong[2], given[3]]))
    np.testing.assert_array_equal(mixed, [1.0, np.nan, 0.0, 1.0])


def test_generated_answers_are_parsed_and_unparsed_ones_are_wrong(monkeypatch):
    model = networks.prompted()
    written = ["Positive .", "well , that is hard to say , positive", "negative", "positive"]
    asked = []

    def generate(rows, most):
        asked.append(most)
        return written[: len(rows)]

    monkeypatch.setattr(model, "generate", generate)
    examples = labelled(["positive", "positive", "positive", None])
    right = Accuracy(answer="generated", most=7).measure(model, examples)
    np.testing.assert_array_equal(right, [1.0, 0.0, 0.0, np.nan])
    np.testing.assert_array_equal(ParseRate(most=7).measure(model, examples), [1.0, 0.0, 1.0, 1.0])
    assert asked == [7, 7]


def test_a_model_that_writes_is_asked_in_batches():
    model = networks.prompted()
    with model.active():
        parsed = ParseRate(most=2).measure(model, labelled([None] * 4) * 5)
    assert parsed.shape == (20,)
    assert set(parsed.tolist()) <= {0.0, 1.0}


def test_models_that_do_not_answer_are_unsupported():
    encoder = networks.bert()
    for metric in (Accuracy(answer="generated"), ParseRate()):
        with pytest.raises(Unsupported, match="asked in words"):
            metric.measure(encoder, labelled(["positive"] * 4))
    with pytest.raises(Unsupported, match="no labels"):
        Accuracy().measure(networks.writer(), labelled(["positive"] * 4))


def test_a_metric_of_the_model_leaves_no_gradients():
    model = networks.bert()
    with model.active(), torch.enable_grad():
        Accuracy().measure(model, labelled(["positive"] * 4))
    assert all(parameter.grad is None for parameter in model.network.parameters())
