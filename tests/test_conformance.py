"""Built-in plugins pass the checks, and the checks catch plugins that do what should not be done."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from attrimark_plugins.methods.gradient import Gradient
from attrimark_plugins.methods.input_x_gradient import InputXGradient
from attrimark_plugins.methods.integrated_gradients import IntegratedGradients
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.random import Random
from attrimark_plugins.methods.shapley_exact import ShapleyExact
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.metrics.average_precision import AveragePrecision
from attrimark_plugins.metrics.comprehensiveness import Comprehensiveness
from attrimark_plugins.metrics.lexicon_agreement import LexiconAgreement
from attrimark_plugins.metrics.noise import Noise
from attrimark_plugins.metrics.rationale_agreement import RationaleAgreement
from attrimark_plugins.metrics.seed_agreement import SeedAgreement
from attrimark_plugins.metrics.signal import Signal
from attrimark_plugins.metrics.signal_to_noise import SignalToNoise
from attrimark_plugins.metrics.sufficiency import Sufficiency
from attrimark_plugins.metrics.top_overlap import TopOverlap
from attrimark_registry import ModelMethod, PopulationMetric, Scores, SpanMetric, SubsetMethod, SubsetMetric
from attrimark_registry import conformance as checks

from tests.references import networks

SUBSET_METHODS = (Random(), LeaveOneOut(), ShapleySampling(permutations=3), ShapleyExact())
MODEL_METHODS = (Gradient(), Gradient(norm="l1"), InputXGradient(), IntegratedGradients(steps=8))
SUBSET_METRICS = (
    Sufficiency(),
    Sufficiency(ratio=0.5, clip=True),
    Sufficiency(threshold="mean"),
    Comprehensiveness(),
    Comprehensiveness(threshold=0.1, clip=True),
    RationaleAgreement(),
    RationaleAgreement(ratio=0.5),
)
SPAN_METRICS = (AveragePrecision(), LexiconAgreement())
POPULATION_METRICS = (
    Signal(),
    Signal(scale="raw", debiased=True),
    Noise(),
    Noise(scale="sum", debiased=True),
    SignalToNoise(),
    SignalToNoise(scale="raw"),
    SeedAgreement(),
    TopOverlap(),
    TopOverlap(ratio=0.5),
)
MODELS = (networks.bert, networks.prompted, networks.writer)


def name(value: object) -> str:
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize("check", checks.SUBSET_METHOD_CHECKS, ids=name)
@pytest.mark.parametrize("method", SUBSET_METHODS, ids=name)
def test_subset_methods_conform(method, check):
    check(method)


@pytest.mark.parametrize("check", checks.MODEL_METHOD_CHECKS, ids=name)
@pytest.mark.parametrize("make", MODELS, ids=name)
@pytest.mark.parametrize("method", MODEL_METHODS, ids=name)
def test_model_methods_conform(method, make, check):
    model = make()
    check(method, model, networks.rows(model))


@pytest.mark.parametrize("check", checks.SUBSET_METRIC_CHECKS, ids=name)
@pytest.mark.parametrize("metric", SUBSET_METRICS, ids=name)
def test_subset_metrics_conform(metric, check):
    check(metric)


@pytest.mark.parametrize("check", checks.SPAN_METRIC_CHECKS, ids=name)
@pytest.mark.parametrize("metric", SPAN_METRICS, ids=name)
def test_span_metrics_conform(metric, check):
    check(metric)


@pytest.mark.parametrize("check", checks.POPULATION_METRIC_CHECKS, ids=name)
@pytest.mark.parametrize("metric", POPULATION_METRICS, ids=name)
def test_population_metrics_conform(metric, check):
    check(metric)


# Subset methods that do what should not be done


class Offender(SubsetMethod):
    name = "offender"

    def explore(self, features, rng):
        values = yield np.eye(len(features), dtype=bool)
        return values


class OneScoreTooMany(Offender):
    def explore(self, features, rng):
        values = yield np.ones((len(features) + 1, len(features)), dtype=bool)
        return values


class Infinite(Offender):
    def explore(self, features, rng):
        values = yield np.eye(len(features), dtype=bool)
        return values + np.inf


class Unseeded(Offender):
    def explore(self, features, rng):
        yield from ()
        return np.random.default_rng().standard_normal(len(features))


class SecretlyStochastic(Offender):
    def explore(self, features, rng):
        yield from ()
        return rng.standard_normal(len(features))


class WritesValues(Offender):
    def explore(self, features, rng):
        values = yield np.eye(len(features), dtype=bool)
        values -= values.mean()
        return values


class SortsFeatures(Offender):
    def explore(self, features, rng):
        features.sort(key=lambda feature: feature.text)
        values = yield np.eye(len(features), dtype=bool)
        return values


class DrawsFromGlobal(Offender):
    def explore(self, features, rng):
        yield from ()
        return torch.randn(len(features)).numpy()


class NotAdditive(Offender):
    additive = True

    def explore(self, features, rng):
        values = yield np.eye(len(features), dtype=bool)
        return values**2


class NotComplete(Offender):
    complete = True


class DividesByTheRange(Offender):
    def explore(self, features, rng):
        values = yield np.eye(len(features), dtype=bool)
        with np.errstate(invalid="ignore"):
            return (values - values.min()) / np.ptp(values)


class YieldsNumbers(Offender):
    def explore(self, features, rng):
        values = yield np.eye(len(features))
        return values


class YieldsOneRow(Offender):
    def explore(self, features, rng):
        values = yield np.ones(len(features), dtype=bool)
        return values


class YieldsTooWide(Offender):
    def explore(self, features, rng):
        values = yield np.eye(len(features) + 1, dtype=bool)
        return values[1:]


@pytest.mark.parametrize(
    ("offender", "check", "message"),
    [
        (OneScoreTooMany, checks.check_scores_are_finite_and_one_a_feature, "were returned for 1 features"),
        (Infinite, checks.check_scores_are_finite_and_one_a_feature, "not finite"),
        (YieldsNumbers, checks.check_scores_are_finite_and_one_a_feature, "must be bool"),
        (YieldsOneRow, checks.check_scores_are_finite_and_one_a_feature, r"must be \[subsets, features\]"),
        (YieldsTooWide, checks.check_scores_are_finite_and_one_a_feature, "for 1 features"),
        (Unseeded, checks.check_same_generator_gives_same_scores, "draw from `rng` only"),
        (SecretlyStochastic, checks.check_same_generator_gives_same_scores, "declare `stochastic"),
        (WritesValues, checks.check_inputs_are_not_mutated, "values were written to"),
        (SortsFeatures, checks.check_inputs_are_not_mutated, "list of features"),
        (DrawsFromGlobal, checks.check_inputs_are_not_mutated, "global generator of torch"),
        (NotAdditive, checks.check_additive_games_are_recovered, "are not its weights"),
        (NotComplete, checks.check_scores_sum_to_the_value_gained, "do not sum"),
        (DividesByTheRange, checks.check_constant_values_are_no_trouble, "not finite"),
    ],
    ids=name,
)
def test_a_subset_method_that_misbehaves_is_caught(offender, check, message):
    with pytest.raises(AssertionError, match=message):
        check(offender())


# Model methods that do what should not be done


class TokenOffender(ModelMethod):
    """Embedding norms: harmless."""

    name = "token-offender"

    def attribute(self, model, batch, rngs):
        return Scores(self.scores(model, batch, rngs))

    def scores(self, model, batch, rngs: Sequence[np.random.Generator]) -> torch.Tensor:
        return model.embed(batch).norm(dim=-1).detach()


class ForgetsEvaluationMode(TokenOffender):
    def scores(self, model, batch, rngs):
        model.network.train()
        return super().scores(model, batch, rngs)


class LeavesAHook(TokenOffender):
    def scores(self, model, batch, rngs):
        model.network.get_input_embeddings().register_forward_hook(lambda *_: None)
        return super().scores(model, batch, rngs)


class LeavesGradients(TokenOffender):
    def scores(self, model, batch, rngs):
        weight = model.network.get_input_embeddings().weight
        weight.requires_grad_(True)
        model.embed(batch).sum().backward()
        weight.requires_grad_(False)
        return super().scores(model, batch, rngs)


class LeavesItTrainable(TokenOffender):
    def scores(self, model, batch, rngs):
        model.network.requires_grad_(True)
        return super().scores(model, batch, rngs)


class NudgesWeights(TokenOffender):
    def scores(self, model, batch, rngs):
        with torch.no_grad():
            next(model.network.parameters()).mul_(1.001)
        return super().scores(model, batch, rngs)


class LeavesEagerAttention(TokenOffender):
    def scores(self, model, batch, rngs):
        model.network.set_attn_implementation("eager")
        return super().scores(model, batch, rngs)


class PatchesForward(TokenOffender):
    def scores(self, model, batch, rngs):
        layer = model.blocks()[0]
        layer.forward = layer.forward
        return super().scores(model, batch, rngs)


class CentresOverTheBatch(TokenOffender):
    def scores(self, model, batch, rngs):
        scores = super().scores(model, batch, rngs)
        return scores - scores.mean()


class CountsItsPlace(TokenOffender):
    def scores(self, model, batch, rngs):
        scores = super().scores(model, batch, rngs)
        return scores + torch.arange(len(batch)).unsqueeze(-1)


class SharesAGenerator(TokenOffender):
    stochastic = True

    def scores(self, model, batch, rngs):
        return torch.from_numpy(rngs[0].standard_normal(batch.input_ids.shape))


class SecretlyDraws(TokenOffender):
    def scores(self, model, batch, rngs):
        noise = torch.tensor([rng.standard_normal() for rng in rngs])
        return super().scores(model, batch, rngs) + noise.unsqueeze(-1)


class ScoresRowsOnly(TokenOffender):
    def scores(self, model, batch, rngs):
        return super().scores(model, batch, rngs).sum(-1)


class NotANumber(TokenOffender):
    def scores(self, model, batch, rngs):
        return super().scores(model, batch, rngs).mul(torch.nan)


class OneDiagnosticForAll(TokenOffender):
    def attribute(self, model, batch, rngs):
        return Scores(self.scores(model, batch, rngs), {"gap": 0.0})


class WritesTheBatch(TokenOffender):
    def scores(self, model, batch, rngs):
        batch.input_ids.zero_()
        return super().scores(model, batch, rngs)


class WritesTheRows(TokenOffender):
    def scores(self, model, batch, rngs):
        batch.rows[0].positions[:] = 0
        return super().scores(model, batch, rngs)


LEFT = checks.check_the_model_is_left_as_found
SHAPES = checks.check_token_scores_are_finite_and_shaped_as_the_batch
BATCHING = checks.check_batching_and_padding_change_nothing
DRAWS = checks.check_same_generators_give_same_token_scores


@pytest.mark.parametrize("check", checks.MODEL_METHOD_CHECKS, ids=name)
def test_a_harmless_method_passes(check):
    model = networks.bert()
    check(TokenOffender(), model, networks.rows(model))


@pytest.mark.parametrize(
    ("offender", "check", "message"),
    [
        (ForgetsEvaluationMode, LEFT, "training mode"),
        (LeavesAHook, LEFT, "forward hooks"),
        (LeavesGradients, LEFT, "gradient of"),
        (LeavesItTrainable, LEFT, "requires_grad"),
        (NudgesWeights, LEFT, "weight "),
        (LeavesEagerAttention, LEFT, "attention implementation"),
        (PatchesForward, LEFT, "forward of"),
        (CentresOverTheBatch, BATCHING, "alone"),
        (CountsItsPlace, BATCHING, "alone|place"),
        (SharesAGenerator, BATCHING, "alone|place"),
        (SecretlyDraws, DRAWS, "declare `stochastic"),
        (ScoresRowsOnly, SHAPES, "were returned for a batch"),
        (NotANumber, SHAPES, "not finite"),
        (OneDiagnosticForAll, SHAPES, "batch axis"),
        (WritesTheBatch, checks.check_rows_are_not_mutated, "input_ids"),
        (WritesTheRows, checks.check_rows_are_not_mutated, "positions"),
    ],
    ids=name,
)
def test_a_model_method_that_misbehaves_is_caught(offender, check, message):
    model = networks.bert()
    with pytest.raises(AssertionError, match=message):
        check(offender(), model, networks.rows(model))


def test_a_patched_library_is_caught():
    class PatchesTorch(TokenOffender):
        def scores(self, model, batch, rngs):
            torch.nn.functional.gelu = lambda tensor: tensor
            return super().scores(model, batch, rngs)

    model, gelu = networks.bert(), torch.nn.functional.gelu
    rows = networks.rows(model)
    try:
        with pytest.raises(AssertionError, match=r"torch\.nn\.functional\.gelu"):
            LEFT(PatchesTorch(), model, rows)
    finally:
        torch.nn.functional.gelu = gelu


# Metrics that do what should not be done


class BreaksTiesByPlace(SubsetMetric):
    name = "breaks-ties-by-place"

    def explore(self, attribution, rng):
        keep = np.zeros((1, len(attribution.features)), dtype=bool)
        keep[0, np.argmax(attribution.scores)] = True
        values = yield keep
        return float(values[0])


class OutOfBounds(SubsetMetric):
    name = "out-of-bounds"

    def explore(self, attribution, rng):
        values = yield np.ones((1, len(attribution.features)), dtype=bool)
        return float(values[0] + 1)


class RescalesTheScores(BreaksTiesByPlace):
    def explore(self, attribution, rng):
        attribution.scores[:] = attribution.scores / 2
        return (yield from super().explore(attribution, rng))


class Coin(BreaksTiesByPlace):
    def explore(self, attribution, rng):
        yield from ()
        return float(rng.random())


class FirstMarked(SpanMetric):
    name = "first-marked"

    def compare(self, attribution, example):
        best = attribution.features[int(np.argmax(attribution.scores))]
        spans = [span for span in example.spans if span.kind == "rationale"]
        return float(any(best.overlap(span.segment, span.start, span.end) for span in spans))


@pytest.mark.parametrize(
    ("offender", "check", "message"),
    [
        (BreaksTiesByPlace, checks.check_places_of_features_do_not_matter, "in the order"),
        (BreaksTiesByPlace, checks.check_constant_scores_equal_the_average_over_orders, "average over"),
        (BreaksTiesByPlace, checks.check_ties_score_as_the_average_over_their_orders, "average over"),
        (OutOfBounds, checks.check_measure_is_finite_and_within_bounds, "outside the metric's bounds"),
        (RescalesTheScores, checks.check_explanations_are_not_mutated, "scores were changed"),
        (Coin, checks.check_same_generator_gives_same_measure, "no scores tie"),
        (FirstMarked, checks.check_comparison_is_within_bounds_or_none, "return None"),
        (FirstMarked, checks.check_constant_scores_compare_as_the_average_over_orders, "average over"),
        (FirstMarked, checks.check_ties_compare_as_the_average_over_their_orders, "average over"),
    ],
    ids=name,
)
def test_a_metric_that_misbehaves_is_caught(offender, check, message):
    with pytest.raises(AssertionError, match=message):
        check(offender())


# Metrics of a population that do what should not be done


class MeanOfMeans(PopulationMetric):
    """The mean score over words and seeds: harmless."""

    name = "mean-of-means"
    bounds = (-5.0, 5.0)

    def terms(self, scores, weights):
        return (weights @ scores.mean(axis=1) / weights.sum(axis=1))[:, None]


class OneNumberForAll(MeanOfMeans):
    def terms(self, scores, weights):
        return super().terms(scores, weights)[:, 0]


class OneValueForAll(MeanOfMeans):
    def value(self, terms):
        return terms


class TooLarge(MeanOfMeans):
    bounds = (-0.1, 0.1)


class SaysNothing(MeanOfMeans):
    def value(self, terms):
        return np.full(len(terms), np.nan)


class ComparesDraws(MeanOfMeans):
    def terms(self, scores, weights):
        terms = super().terms(scores, weights)
        return terms - terms.mean()


class RanksDraws(MeanOfMeans):
    def value(self, terms):
        return terms[:, 0].argsort().argsort().astype(float)


class LooksAtDrawnSeedsOnly(MeanOfMeans):
    def terms(self, scores, weights):
        return super().terms(scores, (weights > 0).astype(float))


class CountsSeedsThatWereNotDrawn(MeanOfMeans):
    def terms(self, scores, weights):
        return super().terms(scores, weights + 1)


class FirstSeed(MeanOfMeans):
    def terms(self, scores, weights):
        return scores[0].mean().repeat(len(weights))[:, None]


class FirstWord(MeanOfMeans):
    def terms(self, scores, weights):
        return super().terms(scores[:, :1], weights)


class CentresTheScores(MeanOfMeans):
    def terms(self, scores, weights):
        scores -= scores.mean(axis=0)
        return super().terms(scores, weights)


class NormalisesTheWeights(MeanOfMeans):
    def terms(self, scores, weights):
        weights /= weights.sum(axis=1, keepdims=True)
        return super().terms(scores, weights)


class WritesTheTerms(MeanOfMeans):
    def value(self, terms):
        np.abs(terms, out=terms)
        return terms[:, 0]


class Resamples(MeanOfMeans):
    def terms(self, scores, weights):
        return super().terms(scores, weights) + np.random.default_rng().standard_normal()


BOUNDED = checks.check_population_values_are_within_bounds
WEIGHED = checks.check_weights_count_how_often_a_seed_was_drawn
UNWRITTEN = checks.check_population_is_not_mutated


@pytest.mark.parametrize("check", checks.POPULATION_METRIC_CHECKS, ids=name)
def test_a_harmless_metric_of_a_population_passes(check):
    check(MeanOfMeans())


@pytest.mark.parametrize(
    ("offender", "check", "message"),
    [
        (OneNumberForAll, BOUNDED, "were returned for 7 draws"),
        (OneValueForAll, BOUNDED, "were returned for terms"),
        (TooLarge, BOUNDED, "outside the metric's bounds"),
        (SaysNothing, BOUNDED, "not finite"),
        (ComparesDraws, checks.check_draws_are_judged_one_by_one, "terms are others alone"),
        (RanksDraws, checks.check_draws_are_judged_one_by_one, "value is another alone"),
        (LooksAtDrawnSeedsOnly, WEIGHED, "seeds repeated as often"),
        (CountsSeedsThatWereNotDrawn, WEIGHED, "seeds repeated as often"),
        (FirstSeed, checks.check_seeds_may_stand_in_any_order, "in the order"),
        (FirstWord, checks.check_words_may_stand_in_any_order, "in the order"),
        (CentresTheScores, UNWRITTEN, "scores or the weights were changed"),
        (NormalisesTheWeights, UNWRITTEN, "scores or the weights were changed"),
        (WritesTheTerms, UNWRITTEN, "terms were changed"),
        (Resamples, UNWRITTEN, "the second time"),
    ],
    ids=name,
)
def test_a_metric_of_a_population_that_misbehaves_is_caught(offender, check, message):
    with pytest.raises(AssertionError, match=message):
        check(offender())
