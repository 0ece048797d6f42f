"""Each method against its definition, an identity that it must hold, or a library where that is right."""

import captum.attr
import numpy as np
import pytest
import torch
from attrimark_plugins.methods import integrated_gradients as ig
from attrimark_plugins.methods.gradient import Gradient
from attrimark_plugins.methods.input_x_gradient import InputXGradient
from attrimark_plugins.methods.integrated_gradients import IntegratedGradients
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.random import Random
from attrimark_plugins.methods.shapley_exact import ShapleyExact
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_registry import Classifier, Example, Feature, Scores, Unsupported
from attrimark_registry.conformance import additive_game, play, random_game
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shapiq import ExactComputer

from tests.references import networks
from tests.references.architectures import build
from tests.references.shapley import gains_along, shapley_over_orders


def features(count: int) -> list[Feature]:
    return [Feature(f"w{place}", 0, 3 * place, 3 * place + 2) for place in range(count)]


def explained(method, game, count: int, seed: int = 0) -> Scores:
    return play(method.explore(features(count), np.random.default_rng(seed)), game, count)


def values_asked(method, count: int) -> np.ndarray:
    """The subsets that a method asks for, as rows."""
    asked = []
    game = random_game(count)
    play(
        method.explore(features(count), np.random.default_rng(0)),
        lambda keep: (asked.append(keep), game(keep))[1],
    )
    return np.concatenate(asked)


def on_indicators(game):
    """The set function as captum wants it: of vectors of 0 and 1."""
    return lambda vectors: torch.from_numpy(game(vectors.numpy() > 0.5))


# Random


def test_random_asks_for_nothing_and_is_normal():
    assert next(iter(Random().explore(features(3), np.random.default_rng(0))), None) is None
    scores = explained(Random(), additive_game(np.zeros(10_000)), 10_000).values
    assert abs(scores.mean()) < 0.05
    assert abs(scores.std() - 1) < 0.05


# Leave-one-out


def test_leave_one_out_equals_captums_feature_ablation():
    game = random_game(6)
    captums = captum.attr.FeatureAblation(on_indicators(game)).attribute(torch.ones(1, 6))
    np.testing.assert_allclose(explained(LeaveOneOut(), game, 6).values, captums[0], atol=1e-6)


def test_leave_one_out_asks_for_one_subset_more_than_there_are_features():
    assert values_asked(LeaveOneOut(), 5).sum(axis=1).tolist() == [5, 4, 4, 4, 4, 4]


# Exact Shapley values


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_exact_shapley_values_equal_their_definition(count):
    game = random_game(count, seed=count)
    wanted = shapley_over_orders(game, count)
    np.testing.assert_allclose(explained(ShapleyExact(), game, count).values, wanted, atol=1e-10)


def test_exact_shapley_values_equal_shapiqs():
    game = random_game(8)
    theirs = ExactComputer(lambda keep: game(np.atleast_2d(keep).astype(bool)), n_players=8)("SV")
    ours = explained(ShapleyExact(), game, 8).values
    np.testing.assert_allclose(ours, [theirs[(player,)] for player in range(8)], atol=1e-6)


def test_exact_shapley_values_refuse_long_texts():
    with pytest.raises(Unsupported, match="shapley-sampling"):
        next(ShapleyExact().explore(features(13), np.random.default_rng(0)))


def test_exact_shapley_values_take_twelve_features():
    game = random_game(12)
    full, empty = game(np.array([[True], [False]]).repeat(12, axis=1))
    assert explained(ShapleyExact(), game, 12).values.sum() == pytest.approx(full - empty)


# Shapley values by sampling


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 6), st.integers(0, 10**6))
def test_sampling_telescopes_for_any_number_of_permutations(count, permutations, seed):
    game = random_game(count, seed)
    full, empty = game(np.array([[True], [False]]).repeat(count, axis=1))
    scores = explained(ShapleySampling(permutations=permutations), game, count, seed).values
    assert scores.sum() == pytest.approx(full - empty, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(2, 6), st.integers(0, 10**6))
def test_sampling_averages_gains_along_its_orders(count, permutations, seed):
    game, rng = random_game(count, seed), np.random.default_rng(seed)
    gains = np.array([gains_along(game, tuple(rng.permutation(count))) for _ in range(permutations)])
    scores = explained(ShapleySampling(permutations=permutations), game, count, seed)
    np.testing.assert_allclose(scores.values, gains.mean(axis=0), atol=1e-9)
    error = gains.std(axis=0, ddof=1) / np.sqrt(permutations)
    np.testing.assert_allclose(scores.diagnostics["standard_error"], error, atol=1e-9)


@pytest.mark.parametrize("permutations", [1, 5, 25])
def test_sampling_equals_captums_along_the_same_permutations(permutations, monkeypatch):
    count, game, rng = 7, random_game(7), np.random.default_rng(3)
    monkeypatch.setattr(torch, "randperm", lambda n, **_: torch.from_numpy(rng.permutation(n)))
    theirs = captum.attr.ShapleyValueSampling(on_indicators(game)).attribute(
        torch.ones(1, count), n_samples=permutations
    )
    ours = explained(ShapleySampling(permutations=permutations), game, count, seed=3).values
    np.testing.assert_allclose(ours, theirs[0], atol=1e-6)


def test_sampling_asks_for_no_subset_twice():
    asked = values_asked(ShapleySampling(permutations=25), 5)
    assert len(np.unique(asked, axis=0)) == len(asked) <= 2**5
    assert len(values_asked(ShapleySampling(permutations=2), 20)) <= 2 * 19 + 2


def test_the_standard_error_says_how_far_sampling_is_off():
    game, count = random_game(6), 6
    exact = shapley_over_orders(game, count)
    off, told = [], []
    for seed in range(40):
        scores = explained(ShapleySampling(permutations=20), game, count, seed)
        off.append((scores.values - exact) ** 2)
        told.append(scores.diagnostics["standard_error"] ** 2)
    assert np.mean(told) == pytest.approx(np.mean(off), rel=0.3)


def test_one_permutation_has_no_standard_error():
    assert explained(ShapleySampling(permutations=1), random_game(4), 4).diagnostics == {}


def test_at_least_one_permutation_is_drawn():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        ShapleySampling(permutations=0)


# Gradient methods


MODELS = (networks.bert, networks.prompted, networks.writer)


def attributed(method, model, rows=None):
    """Scores, and the batch that they are for."""
    rows = networks.rows(model) if rows is None else rows
    with model.active():
        batch = model.collate(rows)
        rngs = [np.random.default_rng(place) for place in range(len(rows))]
        return method.attribute(model, batch, rngs), batch


@pytest.fixture
def linear(monkeypatch):
    """An encoder whose one output that counts is linear in its embeddings, and the weights of that."""
    model = networks.bert(dtype=torch.float64)
    weights = torch.randn(64, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def outputs(batch, embeddings=None):
        embeddings = model.embed(batch) if embeddings is None else embeddings
        score = (embeddings * weights[: embeddings.shape[1]] * batch.real.unsqueeze(-1)).sum((1, 2)) + 0.25
        return torch.stack([-score, score], dim=-1)

    monkeypatch.setattr(model, "outputs", outputs)
    return model, weights


def test_gradient_of_a_linear_model_is_the_size_of_its_weights(linear):
    model, weights = linear
    for norm, order in (("l2", 2), ("l1", 1)):
        scores, batch = attributed(Gradient(norm=norm, reading="logit"), model)
        wanted = weights[: batch.input_ids.shape[1]].norm(p=order, dim=-1) * batch.real
        torch.testing.assert_close(scores.values, wanted)


@pytest.mark.parametrize("method", [InputXGradient(reading="logit"), IntegratedGradients(steps=1, reading="logit")])
def test_a_linear_model_is_explained_by_weight_times_input(linear, method):
    model, weights = linear
    scores, batch = attributed(method, model)
    sign = torch.tensor([1.0 if row.target.chosen == (1,) else -1.0 for row in batch.rows]).unsqueeze(-1)
    wanted = sign * (model.embed(batch) * weights[: batch.input_ids.shape[1]]).sum(-1)
    of_features = batch.feature_of >= 0
    torch.testing.assert_close(scores.values[of_features], wanted[of_features].detach())


@pytest.mark.parametrize("method", [Gradient, InputXGradient, IntegratedGradients])
def test_a_decision_has_no_gradient(method):
    with pytest.raises(Unsupported, match="no gradient"):
        attributed(method(reading="decision"), networks.bert())


def test_alignment_is_the_cosine_of_embedding_and_gradient_averaged_over_tokens():
    model = networks.bert(dtype=torch.float64)
    rows = networks.rows(model)
    together, _ = attributed(InputXGradient(), model, rows)
    for row, found in zip(rows, together.diagnostics["alignment"], strict=True):
        batch = model.collate([row])
        with model.active():
            embeddings = model.embed(batch).detach().requires_grad_(True)
            model.value(model.outputs(batch, embeddings), [row.target], "log-odds").sum().backward()
        cosines = [
            abs(float(e @ g) / float(e.norm() * g.norm()))
            for e, g in zip(embeddings.detach()[0], embeddings.grad[0], strict=True)
        ]
        assert float(found) == pytest.approx(np.mean(cosines), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "tiny"), [("bert", False), ("llama", False), ("modernbert", True), ("deberta-v2", True)]
)
def test_alignment_is_tiny_where_each_word_embedding_is_normalised_at_once(name, tiny):
    network, tokenizer = build(name, "classification")
    if name == "deberta-v2":  # as published: positions are not added to the words
        network.deberta.embeddings.position_biased_input = False
    model = Classifier(network, tokenizer, [str(output) for output in range(network.config.num_labels)])
    row = model.encode(Example("0", ("the film is good",)))
    with model.active():
        scores = InputXGradient().attribute(
            model, model.collate(model.decide([row], "predicted")), [np.random.default_rng(0)]
        )
    assert (scores.diagnostics["alignment"] < 1e-3).all() == tiny


def test_absolute_drops_the_sign():
    model = networks.bert()
    signed, _ = attributed(InputXGradient(), model)
    absolute, _ = attributed(InputXGradient(absolute=True), model)
    assert (signed.values < 0).any()
    torch.testing.assert_close(absolute.values, signed.values.abs())


@pytest.mark.parametrize(
    ("make", "step", "off"),
    [
        (networks.bert, 1e-5, 1e-8),
        (networks.prompted, 3e-3, 5e-4),  # a Llama's norms are computed in float32, whatever its weights are
        (networks.writer, 3e-3, 5e-4),
    ],
)
def test_gradients_equal_finite_differences(make, step, off):
    model = make(dtype=torch.float64)
    rows = networks.rows(model)[2:3]
    scores, batch = attributed(InputXGradient(), model, rows)
    with model.active(), torch.no_grad():
        embeddings = model.embed(batch)
        for token in range(batch.input_ids.shape[1]):
            ends = []
            for side in (1 + step, 1 - step):  # e·∂f/∂e is the slope of f as e is scaled
                moved = embeddings.clone()
                moved[:, token] *= side
                ends.append(model.value(model.outputs(batch, moved), [rows[0].target], "log-odds"))
            slope = (ends[0] - ends[1]) / (2 * step)
            torch.testing.assert_close(scores.values[:, token], slope, rtol=1e-5, atol=off)


# Integrated gradients


@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (networks.bert, "zero"),
        (networks.bert, "mean"),
        (networks.bert, "mask"),
        (networks.bert, "pad"),
        (networks.prompted, "mean"),
        (networks.writer, "mean"),
    ],
)
def test_integrated_gradients_are_complete(make, reference):
    model = make(dtype=torch.float64)
    scores, _ = attributed(IntegratedGradients(reference=reference), model)
    assert scores.values.dtype == torch.float64
    assert (scores.diagnostics["completeness_gap_relative"] <= 1e-3).all()


@pytest.mark.parametrize("make", [networks.prompted, networks.writer])
def test_the_gap_warns_of_too_few_steps_from_the_zero_vector(make):
    """A Llama's first norm makes a step of what is a short way from zero."""
    model = make(dtype=torch.float64)
    gaps = [
        attributed(IntegratedGradients(steps=steps), model)[0].diagnostics["completeness_gap_relative"].max()
        for steps in (20, 100)
    ]
    assert gaps[0] > 0.1
    assert gaps[1] <= 1e-3


def test_the_completeness_gap_is_what_is_missing():
    model = networks.bert(dtype=torch.float64)
    scores, batch = attributed(IntegratedGradients(steps=2), model)
    with model.active(), torch.no_grad():
        end = model.embed(batch)
        start = torch.where((batch.feature_of >= 0).unsqueeze(-1), 0.0, end)
        targets = [row.target for row in batch.rows]
        full, empty = (model.value(model.outputs(batch, point), targets, "log-odds") for point in (end, start))
    gap = (scores.values.sum(-1) - (full - empty)).abs()
    assert (gap > 1e-6).all()  # two points are too few
    torch.testing.assert_close(scores.diagnostics["completeness_gap"], gap)
    torch.testing.assert_close(scores.diagnostics["completeness_gap_relative"], gap / (full - empty).abs())


@pytest.mark.parametrize("make", MODELS)
def test_protected_tokens_keep_their_embeddings(make):
    scores, batch = attributed(IntegratedGradients(steps=4), make())
    assert (scores.values[batch.feature_of < 0] == 0).all()
    assert (scores.values[batch.feature_of >= 0] != 0).all()


@pytest.mark.parametrize("place", range(len(networks.TEXTS)))
def test_integrated_gradients_equal_captums(place):
    """captum interpolates all outputs of a layer: special tokens stay only where both ends hold them."""
    model = networks.bert(dtype=torch.float64)
    row = networks.rows(model)[place]
    ours, batch = attributed(IntegratedGradients(reference="mask"), model, [row])
    baseline = batch.input_ids.masked_fill(batch.feature_of >= 0, model.tokenizer.mask_token_id)

    def forward(ids):
        logits = model.network(input_ids=ids, position_ids=batch.position_ids).logits
        return model.value(logits, [row.target] * len(ids), "log-odds")

    method = captum.attr.LayerIntegratedGradients(forward, model.network.bert.embeddings.word_embeddings)
    model.network.eval()
    theirs = method.attribute(batch.input_ids, baseline, n_steps=50, method="gausslegendre")
    torch.testing.assert_close(ours.values, theirs.sum(-1).detach(), rtol=1e-6, atol=1e-8)


def test_a_reference_token_that_is_missing_is_refused():
    model = networks.prompted()
    with pytest.raises(Unsupported, match="no mask token"):
        attributed(IntegratedGradients(reference="mask"), model)


def test_half_precision_is_accumulated_in_float32():
    scores, _ = attributed(IntegratedGradients(steps=4), networks.bert(dtype=torch.bfloat16))
    assert scores.values.dtype == torch.float32


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_where_memory_runs_out_passes_are_halved_with_the_same_numbers(monkeypatch, error):
    model = networks.bert(dtype=torch.float64)
    whole, _ = attributed(IntegratedGradients(steps=10), model)
    sizes, outputs = [], model.outputs

    def scarce(batch, embeddings=None):
        if torch.is_grad_enabled():
            sizes.append(len(batch))
            if len(batch) > 3:
                raise error
        return outputs(batch, embeddings)

    monkeypatch.setattr(model, "outputs", scarce)
    halved, _ = attributed(IntegratedGradients(steps=10), model)
    assert max(sizes) == 40
    assert sum(size for size in sizes if size <= 3) == 40
    torch.testing.assert_close(halved.values, whole.values, rtol=1e-12, atol=1e-12)


def test_any_other_error_passes_through(monkeypatch):
    model = networks.bert()

    def broken(batch, embeddings=None):
        raise RuntimeError("shapes do not fit")

    rows = networks.rows(model)
    monkeypatch.setattr(model, "outputs", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        attributed(IntegratedGradients(), model, rows)


def test_passes_hold_as_many_tokens_as_is_written(monkeypatch):
    model, sizes = networks.bert(dtype=torch.float64), []
    whole, _ = attributed(IntegratedGradients(steps=10), model)
    outputs = model.outputs

    def watched(batch, embeddings=None):
        sizes.append(batch.input_ids.numel())
        return outputs(batch, embeddings)

    rows = networks.rows(model)
    monkeypatch.setattr(model, "outputs", watched)
    monkeypatch.setattr(ig, "TOKENS_A_PASS", 50)
    passes, _ = attributed(IntegratedGradients(steps=10), model, rows)
    assert max(sizes) <= 50
    torch.testing.assert_close(passes.values, whole.values, rtol=1e-12, atol=1e-12)
