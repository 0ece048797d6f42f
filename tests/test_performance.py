"""The performance benchmark compares the same work: peers written by hand agree with ours, and ratios are of rounds."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from attrimark.evaluator import Question, SubsetEvaluator
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.shapley_antithetic import ShapleyAntithetic
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_registry import Example
from attrimark_registry.scoring_tree import allows_trees

LABELS = ("negative", "positive")
TEXT = "the plot was dull, slow and not very good"


@pytest.fixture(autouse=True)
def performance(monkeypatch):
    """Scripts import each other by name, from their own folder."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "performance")
    yield
    for name in ("peers", "interleaved", "machine", "subset_evaluation"):
        sys.modules.pop(name, None)


ONE_TOKEN = {"negative": " dull", "positive": " film"}


@pytest.mark.filterwarnings("ignore:The set_.* function:PendingDeprecationWarning")  # shap, when it is imported
@pytest.mark.parametrize("source", [TinyCausal(answers=ONE_TOKEN), TinyEncoder()], ids=["causal", "encoder"])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_batches_by_hand_give_our_numbers(source, size):
    import peers

    model = source.load(LABELS, "cpu")
    with model.active():
        (row,) = model.decide([model.encode(Example("text", (TEXT,)))])
        value, count = peers.HandBatched(model, row, size), len(row.features)
        mine = {
            method: SubsetEvaluator(model).explore(
                [Question(row, model.default_operator, "log-odds", method.explore(row.features, draws()))]
            )[0]
            for method in (LeaveOneOut(), ShapleySampling(permutations=3))
        }
        left_out, sampled = mine.values()
        np.testing.assert_allclose(peers.ablated(value, count), left_out.scores.values, atol=1e-5)
        assert value.rows == count + 1 == left_out.own.subsets
        np.testing.assert_allclose(peers.sampled(value, count, 3, draws()), sampled.scores.values, atol=1e-5)
        pairs = ShapleyAntithetic(budget=3 * 2 * (count - 1) + 2)
        (in_pairs,) = SubsetEvaluator(model).explore(
            [Question(row, model.default_operator, "log-odds", pairs.explore(row.features, draws()))]
        )
        by_shap = peers.paired_by_shap(value, count, 3, seed=0)
        np.testing.assert_allclose(by_shap.sum(), in_pairs.scores.values.sum(), atol=1e-5)
        by_shapiq = peers.sampled_by_shapiq(value, count, 3, seed=0)
        np.testing.assert_allclose(by_shapiq.sum(), sampled.scores.values.sum(), atol=1e-5)


def test_a_template_without_a_word_is_the_row_without_it():
    import peers

    model = TinyCausal().load(LABELS, "cpu")
    row = model.encode(Example("text", (TEXT,)))
    template, words = peers.template_of(model, row)
    assert template.format(*words) == "".join((model.prompt.pieces[0], TEXT, model.prompt.pieces[1]))
    assert len(words) == len(row.features)


def test_the_network_of_mistrals_shape_is_in_four_bits_and_packs_its_rows():
    import subset_evaluation

    small = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
    tokenizer = TinyCausal().load(LABELS, "cpu").tokenizer
    model = subset_evaluation.in_mistrals_shape(
        tokenizer, LABELS, torch.device("cpu"), **small, num_hidden_layers=2, max_position_embeddings=256
    )
    assert torch.get_default_dtype() == torch.float32
    assert len(model.packed) == 2 * 7 + 1  # two blocks of seven linear layers, and the output layer
    with model.active():
        (row,) = model.decide([model.encode(Example("text", (TEXT,)))])
        assert allows_trees(model, row)


def test_the_report_says_how_many_times_as_long_others_take():
    import interleaved
    import subset_evaluation

    explained = {"attrimark": [(4, 30), (6, 50)], "peer": [(5, 100), (5, 100)]}
    results = {
        name: [subset_evaluation.Explained(np.zeros(3), *counts) for counts in each] for name, each in explained.items()
    }
    timings = {"attrimark": interleaved.Timing(3.0, 2.0, 1.0, 1.0), "peer": interleaved.Timing(9.0, 4.0, 3.25, 2.5)}
    *_, ours, peer = subset_evaluation.as_markdown(results, timings, texts=2).splitlines()
    assert [cell.strip() for cell in ours.strip("|").split("|")][1:] == ["1.5", "1.00", "1.00", "5", "40", "1.00"]
    assert [cell.strip() for cell in peer.strip("|").split("|")][1:] == ["4.5", "3.25", "2.50", "5", "100", "0.40"]


def test_a_machine_that_slows_down_changes_no_ratio(monkeypatch):
    import interleaved

    clock, pace = [0.0], [1.0]
    monkeypatch.setattr(interleaved.time, "perf_counter", lambda: clock[0])

    def work(seconds):
        clock[0] += seconds * pace[0]

    def slow():
        work(6.0)
        pace[0] *= 1.5

    timings = interleaved.timed_in_turns({"fast": lambda: work(2.0), "slow": slow}, rounds=5)
    assert timings["fast"].ratio == 1
    assert 3 / 1.5 <= timings["slow"].ratio <= 3 * 1.5
    assert timings["slow"].ratio == pytest.approx(3)


def draws():
    return np.random.default_rng(0)
