"""The subset evaluator: the same values in whatever company they are computed, and each computed once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from attrimark.run.attribute import attribute
from attrimark.run.evaluator import Question, SubsetEvaluator
from attrimark.run.meter import counted
from attrimark.run.prepare import prepare
from attrimark_plugins.methods.gradient import Gradient
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.shapley_exact import ShapleyExact
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_registry import OPERATORS, Example
from captum.attr import FeatureAblation, ShapleyValueSampling

from tests.references.tiers import tiered

LABELS = ("negative", "positive")
TEXTS = ("a wonderful film", "the plot was dull, slow and not very good", "excellent", "I liked it: really!")
EXAMPLES = [Example(str(place), (text,)) for place, text in enumerate(TEXTS)]
SOURCES = [
    TinyEncoder(shape="bert"),
    TinyEncoder(shape="roberta"),
    TinyEncoder(shape="camembert"),
    TinyCausal(shape="llama"),
    TinyCausal(shape="mistral"),
    TinyCausal(shape="gpt2"),
]
# of differences between outputs near 60, which float32 rounds to 4e-6
ROUNDING = 1e-4
KIN = ("roberta", "camembert", "mistral")  # of BERT and Llama, which are compared in any case
CASES = [
    pytest.param(source, operator, id=f"{source.shape}-{operator}", marks=[pytest.mark.long] * (source.shape in KIN))
    for source in SOURCES
    for operator in OPERATORS
    if operator in source.load(LABELS, "cpu").operators
]


@pytest.fixture
def prepared(request):
    model = request.param.load(LABELS, "cpu")
    with model.active():
        yield prepare(model, EXAMPLES, "predicted", "word")


@pytest.mark.parametrize(("source", "operator"), CASES)
def test_values_do_not_depend_on_their_batch(source, operator):
    model = source.load(LABELS, "cpu")
    with model.active():
        rows = prepare(model, EXAMPLES, "predicted", "word").rows
        together = explored(SubsetEvaluator(model, tokens=4096), rows, operator)
        alone = explored(SubsetEvaluator(model, tokens=1), rows, operator)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.scores.values, other.scores.values, atol=ROUNDING)
        assert one.own.forwards == other.own.forwards
        assert one.own.tokens == other.own.tokens


@pytest.mark.parametrize(
    ("trees", "tokens"),
    [
        pytest.param(None, None, id="packed where the model allows"),
        pytest.param(False, None, id="many rows a batch"),
        pytest.param(False, 1, id="one row a batch"),
    ],
)
@pytest.mark.parametrize(
    "method", tiered([LeaveOneOut(), ShapleySampling(permutations=3)], LeaveOneOut().__eq__), ids=str
)
@pytest.mark.parametrize(("source", "operator"), CASES)
def test_scores_equal_captums_of_the_indicator_of_features(source, operator, method, trees, tokens, monkeypatch):
    """With every operator, padded on the left or the right, packed and unpacked, in batches of many and of one."""
    model = source.load(LABELS, "cpu")
    with model.active():
        rows = prepare(model, EXAMPLES, "predicted", "word").rows
        evaluator = SubsetEvaluator(model, tokens)
        evaluator._trees = trees  # None: not known yet
        answers = explored(evaluator, rows, operator, method)
        for row, answer in zip(rows, answers, strict=True):

            def value_of(indicator: torch.Tensor, row=row) -> torch.Tensor:
                removed = [model.remove(row, keep.numpy() > 0, operator) for keep in indicator]
                with torch.no_grad():
                    outputs = model.outputs(model.collate(removed))
                return model.value(outputs, [row.target] * len(removed), "log-odds")

            whole = torch.ones(1, len(row.features))
            if isinstance(method, LeaveOneOut):
                expected = FeatureAblation(value_of).attribute(whole, baselines=0.0)
            else:
                rng = np.random.default_rng(0)  # the orders that ours draws
                monkeypatch.setattr(torch, "randperm", lambda n, rng=rng, **_: torch.from_numpy(rng.permutation(n)))
                expected = ShapleyValueSampling(value_of).attribute(whole, baselines=0.0, n_samples=3)
            np.testing.assert_allclose(answer.scores.values, expected[0].numpy(), atol=ROUNDING)


@pytest.mark.parametrize("prepared", SOURCES[:1], indirect=True)
def test_a_subset_is_computed_once_whoever_asks(prepared):
    evaluator = SubsetEvaluator(prepared.model)
    with counted(prepared.model) as passes:
        exact = evaluator.explore(questions(prepared.rows, "mask", ShapleyExact()))
        computed = passes.forwards
        again = evaluator.explore(questions(prepared.rows, "mask", LeaveOneOut()))
    assert passes.forwards == computed == sum(answer.actual.forwards for answer in exact)
    assert sum(answer.actual.forwards for answer in again) == 0
    assert [answer.own.forwards for answer in again] == [len(row.features) + 1 for row in prepared.rows]


@pytest.mark.parametrize("prepared", SOURCES[:1], indirect=True)
def test_own_cost_is_the_same_in_every_order(prepared):
    evaluator = SubsetEvaluator(prepared.model)
    first = evaluator.explore(questions(prepared.rows, "mask", LeaveOneOut()))
    evaluator.explore(questions(prepared.rows, "mask", ShapleyExact()))
    second = evaluator.explore(questions(prepared.rows, "mask", LeaveOneOut()))
    for one, other in zip(first, second, strict=True):
        assert (one.own.subsets, one.own.forwards, one.own.tokens, one.own.flops) == (
            other.own.subsets,
            other.own.forwards,
            other.own.tokens,
            other.own.flops,
        )
        assert one.own.flops > 0


@pytest.mark.parametrize("prepared", SOURCES[:1], indirect=True)
def test_a_batch_that_does_not_fit_is_halved_with_the_same_numbers(prepared, monkeypatch):
    expected = explored(SubsetEvaluator(prepared.model), prepared.rows, "mask")
    outputs, failed = prepared.model.outputs, []

    def small_memory(batch, embeddings=None):
        if batch.input_ids.numel() > 40:
            failed.append(batch.input_ids.numel())
            raise torch.OutOfMemoryError("no room")
        return outputs(batch, embeddings)

    monkeypatch.setattr(prepared.model, "outputs", small_memory)
    evaluator = SubsetEvaluator(prepared.model)
    halved = explored(evaluator.alone(prepared.rows[0]), prepared.rows, "mask")
    for one, other in zip(expected, halved, strict=True):
        np.testing.assert_allclose(one.scores.values, other.scores.values, atol=ROUNDING)
    assert failed == sorted(set(failed), reverse=True)  # no size twice
    failed.clear()
    explored(evaluator, prepared.rows[:1], "mask")  # what fitted one evaluator of a model is known to the others
    assert failed == []


@pytest.mark.parametrize("prepared", SOURCES[:1], indirect=True)
def test_batches_of_a_network_method_that_do_not_fit_fail_once(prepared, monkeypatch):
    model, collate, failed = prepared.model, prepared.model.collate, []
    many = replace(prepared, rows=prepared.rows[:1] * 12)

    def small_memory(rows):
        if len(rows) > 4:
            failed.append(len(rows))
            raise torch.OutOfMemoryError("no room")
        return collate(rows)

    monkeypatch.setattr(model, "collate", small_memory)
    for _ in range(2):
        attribute(many, Gradient())
    assert failed == [11, 6]  # the longest row is explained alone


@pytest.mark.parametrize("prepared", SOURCES[:1], indirect=True)
def test_the_ends_of_an_exploration_are_told(prepared):
    exact = explored(SubsetEvaluator(prepared.model), prepared.rows, "mask", ShapleyExact())
    for answer in exact:
        assert answer.scores.values.sum() == pytest.approx(answer.value_full - answer.value_empty, abs=1e-5)


def questions(rows, operator, method):
    return [
        Question(row, operator, method.reading, method.explore(row.features, np.random.default_rng(0))) for row in rows
    ]


def explored(evaluator, rows, operator, method=None):
    return evaluator.explore(questions(rows, operator, method or LeaveOneOut()))
