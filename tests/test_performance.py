"""The performance benchmark compares the same work: peers written by hand agree with ours, and ratios are of rounds."""

import sys
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from attrimark.run.evaluator import Question, SubsetEvaluator
from attrimark_plugins.datasets.rated_snippets import RatedSnippets
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.shapley_antithetic import ShapleyAntithetic
from attrimark_plugins.methods.shapley_exact import ShapleyExact
from attrimark_plugins.methods.shapley_sampling import ShapleySampling
from attrimark_plugins.metrics.shared.exact_bounds import all_subsets
from attrimark_plugins.models.smollm2 import Smollm2
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_registry import Example, Target
from attrimark_registry.conformance import random_game
from attrimark_registry.tree_trial import allows_trees

LABELS = ("negative", "positive")
TEXT = "the plot was dull, slow and not very good"


@pytest.fixture(autouse=True)
def performance(monkeypatch):
    """Scripts import each other by name, from their own folder."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "performance")
    yield
    for name in ("peers", "interleaved", "machine", "subset_evaluation", "shapley_error"):
        sys.modules.pop(name, None)


ONE_TOKEN = {"negative": " dull", "positive": " film"}


@pytest.mark.long
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
        np.testing.assert_allclose(peers.ablated(value, count), left_out.scores.values, atol=1e-4)
        assert value.rows == count + 1 == left_out.own.subsets
        np.testing.assert_allclose(peers.sampled(value, count, 3, draws()), sampled.scores.values, atol=1e-4)
        pairs = ShapleyAntithetic(budget=3 * 2 * (count - 1) + 2)
        (in_pairs,) = SubsetEvaluator(model).explore(
            [Question(row, model.default_operator, "log-odds", pairs.explore(row.features, draws()))]
        )
        by_shap = peers.paired_by_shap(value, count, 3, seed=0)
        np.testing.assert_allclose(by_shap.sum(), in_pairs.scores.values.sum(), atol=1e-4)
        by_shapiq = peers.sampled_by_shapiq(value, count, 3, seed=0)
        np.testing.assert_allclose(by_shapiq.sum(), sampled.scores.values.sum(), atol=1e-4)


def test_a_template_without_a_word_is_the_row_without_it():
    import peers

    model = TinyCausal().load(LABELS, "cpu")
    row = model.encode(Example("text", (TEXT,)))
    template, words = peers.template_of(model, row)
    assert template.format(*words) == "".join((model.prompt.pieces[0], TEXT, model.prompt.pieces[1]))
    assert len(words) == len(row.features)


@pytest.mark.parametrize("compute", ["float32", "bfloat16"])
def test_the_network_of_mistrals_shape_is_in_four_bits_and_packs_its_rows(compute):
    import subset_evaluation

    small = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
    tokenizer = TinyCausal().load(LABELS, "cpu").tokenizer
    model = subset_evaluation.in_mistrals_shape(
        tokenizer, LABELS, torch.device("cpu"), compute, **small, num_hidden_layers=2, max_position_embeddings=256
    )
    assert model.precision == getattr(torch, compute)
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
    alone = dict.fromkeys(results)
    *_, ours, peer = subset_evaluation.as_markdown(results, timings, alone, texts=2).splitlines()
    assert cells(ours)[1:] == ["1.5", "1.00", "1.00", "5", "40", "1.00"]
    assert cells(peer)[1:] == ["4.5", "3.25", "2.50", "5", "100", "0.40"]
    peaks = {"attrimark": 4.125, "peer": 8.5}
    header, _, *held = subset_evaluation.as_markdown(results, timings, peaks, texts=2).splitlines()
    assert [cells(line)[-1] for line in (header, *held)] == ["peak, GiB", "4.12", "8.50"]


def test_without_a_gpu_no_peak_is_told():
    import subset_evaluation

    assert subset_evaluation.peak_of(lambda: pytest.fail("nothing is to be run again"), torch.device("cpu")) is None


def test_a_shapley_estimators_error_is_its_squared_distance_from_the_exact_values():
    import shapley_error

    table = random_game(4)(all_subsets(4))
    sampling, *_ = shapley_error.compared([table], orders=2, draws=3)
    exact, _ = shapley_error.played(ShapleyExact(), table, 0)
    found = [shapley_error.played(ShapleySampling(permutations=2), table, draw)[0].values for draw in range(3)]
    wanted = np.mean([((one - exact.values) ** 2).sum() for one in found]) / (exact.values**2).sum()
    assert (sampling[1], sampling[3], sampling[6]) == ("shapley-sampling", pytest.approx(wanted), pytest.approx(1.0))


def test_the_report_on_estimators_is_written_from_what_was_found(tmp_path, monkeypatch):
    import shapley_error

    tables = {str(count): random_game(count)(all_subsets(count)) for count in (4, 5)}
    monkeypatch.setattr(shapley_error, "tabulated", lambda *given: tables.items())
    monkeypatch.setattr(shapley_error, "REPORT", tmp_path / "shapley-error.md")
    monkeypatch.setattr(sys, "argv", ["shapley_error.py", "--write", "--draws", "2", "--permutations", "3"])
    shapley_error.main()
    report = (tmp_path / "shapley-error.md").read_text()
    assert report.startswith(shapley_error.HEAD)
    assert "2 reviews of 4 to 5 words" in report
    named = [cells(line)[1] for line in report.splitlines() if line.startswith("|")]
    assert named[2:] == list(shapley_error.ESTIMATORS)


@pytest.mark.long
@pytest.mark.assets
@pytest.mark.parametrize("work", [LeaveOneOut(), ShapleySampling(permutations=5)], ids=str)
def test_at_most_six_tenths_of_a_hand_batchs_tokens_are_computed(work, monkeypatch):
    """Film reviews of 20 to 30 tokens in Videneeva's prompt, counted without a single forward."""
    import peers

    splits = RatedSnippets(domain="movies", minimum=1.0, shortest=14, longest=30).load()
    model = Smollm2().load(splits.labels, "cpu")
    encoded = (model.encode(example) for example in splits.test)
    rows = list(islice((row for row in encoded if 20 <= (row.feature_of >= 0).sum() <= 30), 10))
    words = model.network.config.vocab_size
    monkeypatch.setattr(
        model.network, "forward", lambda ids, **_: SimpleNamespace(logits=torch.zeros(len(ids), 1, words))
    )
    shares = []
    for row in rows:
        count = len(row.features)
        by_hand = peers.HandBatched(model, row.aimed_at(Target((0,))), size=8)
        if isinstance(work, LeaveOneOut):
            peers.ablated(by_hand, count)
        else:
            peers.sampled(by_hand, count, 5, draws())
        keep = next(work.explore(row.features, draws()))
        tree = model.scoring_tree([model.remove(row, each, "delete") for each in keep])
        shares.append(len(tree.tokens) / by_hand.tokens)
    assert len(shares) == 10
    assert max(shares) <= 0.6


def cells(line):
    """Of a line of a Markdown table."""
    return [cell.strip() for cell in line.strip("|").split("|")]


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
