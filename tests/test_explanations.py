"""Explanations where the truth is known, and what must not change them."""

import attrimark
import numpy as np
import pytest
import torch
from attrimark.run.attribute import attribute
from attrimark.run.prepare import prepare
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.methods.gradient import Gradient
from attrimark_plugins.methods.input_x_gradient import InputXGradient
from attrimark_plugins.methods.integrated_gradients import IntegratedGradients
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.random import Random
from attrimark_plugins.methods.shapley_exact import ShapleyExact
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.metrics.average_precision import AveragePrecision
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_plugins.strategies.full import Full
from attrimark_registry import AttrimarkError, Example, Unsupported
from attrimark_registry.conformance import (
    MODEL_METHOD_CHECKS,
    SPAN_METRIC_CHECKS,
    SUBSET_METHOD_CHECKS,
    SUBSET_METRIC_CHECKS,
)

LABELS = ("negative", "positive")
READERS = [
    LeaveOneOut(), ShapleySampling(permutations=3), ShapleyExact(), Gradient(), InputXGradient(),
    IntegratedGradients(steps=8),
]  # fmt: skip
EDGES = {
    "one word": "excellent",
    "one word of many tokens": "antidisestablishmentarianism",
    "emoji and accents": "a café 👩‍👩‍👧 noël",
    "right to left": "הסרט היה טוב",
    "punctuation": "... !?",
    "lines": "good\n\nfilm\tindeed ",
}


@pytest.fixture(scope="module", params=["english", pytest.param("french", marks=pytest.mark.long)])
def trained(request):
    splits = Planted(language=request.param).load()
    model = TinyEncoder(language=request.param, pooling="mean").load(splits.labels, "cpu")
    return Full(epochs=8, learning_rate=3e-3, batch_size=32).fine_tune(model, splits.train, [0])[0], splits


@pytest.mark.long
def test_explanations_find_the_planted_word_and_random_scores_do_not(trained):
    model, splits = trained
    with model.active():
        prepared = prepare(model, splits.test[:60], "predicted", "word")
        found = {
            method.name: np.mean([precision(each) for each in attribute(prepared, method).explained])
            for method in (IntegratedGradients(), ShapleySampling(), Random())
        }
        by_chance = np.mean([constant_precision(each) for each in attribute(prepared, Random()).explained])
    assert found["integrated-gradients"] > 0.9
    assert found["shapley-sampling"] > 0.9
    assert found["random"] == pytest.approx(by_chance, abs=0.12)


@pytest.mark.parametrize("method", READERS, ids=lambda method: method.name)
def test_a_vector_added_to_every_class_row_changes_no_explanation(method):
    model = TinyEncoder().load(LABELS, "cpu")
    examples = [Example("0", ("a wonderful film",)), Example("1", ("slow, dull and long",))]
    before = explained(model, examples, method)
    with torch.no_grad():
        shift = torch.randn(model.network.head.out_proj.in_features, generator=torch.Generator().manual_seed(1))
        model.network.head.out_proj.weight.add_(shift)
        model.network.head.out_proj.bias.add_(0.7)
    for one, other in zip(before, explained(model, examples, method), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    logits = method.model_copy(update={"reading": "logit"})
    # the paper-parity option does move: this is what log-odds are for
    assert any(
        np.abs(one - other).max() > 1e-3 for one, other in zip(explained(model, examples, logits), before, strict=True)
    )


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("source", [TinyEncoder(), TinyCausal()], ids=["encoder", "causal"])
def test_edge_inputs_are_explained_by_every_method(source, name):
    model = source.load(LABELS, "cpu")
    for method in (Random(), *READERS):
        (scores,) = explained(model, [Example(name, (EDGES[name],))], method)
        assert len(scores) == len(EDGES[name].split())
        assert np.isfinite(scores).all()


def test_what_cannot_be_explained_is_left_out_with_its_reason():
    model = TinyEncoder(positions=32).load(LABELS, "cpu")
    examples = [Example("empty", ("",)), Example("long", ("word " * 200,)), Example("fine", ("a good film",))]
    with model.active():
        prepared = prepare(model, examples, "predicted", "word")
        made = attribute(prepared, LeaveOneOut())
    assert [each.example.id for each in made.explained] == ["fine"]
    assert "empty" in made.left_out["empty"]
    assert "takes" in made.left_out["long"]
    with model.active(), pytest.raises(Unsupported, match="takes"):
        attribute(prepare(model, examples[1:2], "predicted", "word"), LeaveOneOut())


def test_two_texts_of_one_id_are_refused():
    model = TinyEncoder().load(LABELS, "cpu")
    with pytest.raises(AttrimarkError, match="two texts have the id 'same'"):
        prepare(model, [Example("same", ("one",)), Example("same", ("other",))], "predicted", "word")


def test_exact_shapley_refuses_a_long_text_and_explains_the_others():
    model = TinyEncoder().load(LABELS, "cpu")
    examples = [Example("long", ("a b c d e f g h i j k l m",)), Example("short", ("a b",))]
    with model.active():
        made = attribute(prepare(model, examples, "predicted", "word"), ShapleyExact())
    assert "12" in made.left_out["long"]
    assert len(made.explained) == 1


def test_a_label_outside_the_set_is_left_out_with_its_reason():
    model = TinyEncoder().load(LABELS, "cpu")
    with model.active():
        prepared = prepare(model, [Example("odd", ("a film",), label="neutral")], "gold", "word")
    assert "not one of negative, positive" in prepared.left_out["odd"]


@pytest.mark.parametrize("granularity", ["word", "token", "sentence", "passage"])
def test_every_granularity_covers_the_same_tokens(granularity):
    model = TinyEncoder().load(LABELS, "cpu")
    row = model.encode(Example("0", ("A good film. A bad ending!\n\nGo and see it.",)), granularity)
    words = model.encode(row.example, "word")
    np.testing.assert_array_equal(row.feature_of >= 0, words.feature_of >= 0)
    count = len(row.features)
    assert count == {"word": 10, "sentence": 3, "passage": 2}.get(granularity, count)


def test_evaluate_takes_a_network_in_hand_and_shows_its_leaderboard():
    tiny = TinyEncoder().load(LABELS, "cpu")
    network, mode = tiny.network, tiny.network.training
    found = attrimark.evaluate(tiny, texts=["a good film", "a bad one", ""], methods=["random", "leave-one-out"])
    assert "leave-one-out" in str(found)
    assert "<table" in found._repr_html_()
    assert list(found.left_out) == ["2"]
    assert [len(each) for each in found.attributions.values()] == [2, 2]
    assert network.training == mode
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_evaluate_wraps_transformers_networks_by_their_kind():
    causal = TinyCausal().load(LABELS, "cpu")
    found = attrimark.evaluate(
        causal.network, causal.tokenizer, ["a good film"], ["leave-one-out"], ["sufficiency"],
        labels=LABELS, prompt="Text: {text} Label:",
    )  # fmt: skip
    assert found.records[0].status == "ok"
    with pytest.raises(AttrimarkError, match="at least one text"):
        attrimark.evaluate(causal)
    with pytest.raises(AttrimarkError, match="needs its tokenizer"):
        attrimark.evaluate(causal.network, texts=["x"])
    with pytest.raises(AttrimarkError, match="oclusion"):
        attrimark.evaluate(causal, texts=["x"], methods=["oclusion"])


def test_built_in_plugins_are_named_in_the_documentation_and_their_checks_exist():
    from pathlib import Path

    from attrimark_registry import load_catalog

    documented = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text()
    for entry in load_catalog():
        assert f"`{entry.plugin.name}`" in documented, entry.plugin.name
    assert all((MODEL_METHOD_CHECKS, SPAN_METRIC_CHECKS, SUBSET_METHOD_CHECKS, SUBSET_METRIC_CHECKS))


def explained(model, examples, method):
    with model.active():
        prepared = prepare(model, examples, "predicted", "word")
        return [each.scores for each in attribute(prepared, method).explained]


def precision(attribution) -> float:
    return AveragePrecision().compare(attribution, attribution.example)


def constant_precision(attribution) -> float:
    from dataclasses import replace

    return precision(replace(attribution, scores=np.zeros_like(attribution.scores)))
