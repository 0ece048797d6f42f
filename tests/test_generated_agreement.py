"""The generated reading: what is decoded for subsets is what the model writes, and only answers that parse agree."""

import numpy as np
import pytest
import torch
from attrimark.run.attribute import attribute
from attrimark.run.decoding import TOKENS
from attrimark.run.evaluator import Question, SubsetEvaluator
from attrimark.run.measure import measure
from attrimark.run.prepare import prepare
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.metrics.generated_agreement import GeneratedAgreement
from attrimark_plugins.metrics.rationale_parse_rate import RationaleParseRate
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder, TinyWriter
from attrimark_registry import OPERATORS, Attribution, Example, Target, Unsupported, features_of
from attrimark_registry import conformance as checks
from attrimark_registry.conformance import play
from attrimark_registry.greedy import greedy, keeps_state

LABELS = ("negative", "positive")
TEXTS = ("a wonderful film", "the plot was dull, slow and not very good", "excellent", "I liked it: really!")
EXAMPLES = [Example(str(place), (text,)) for place, text in enumerate(TEXTS)]
METRICS = (GeneratedAgreement(), GeneratedAgreement(ratio=0.4), RationaleParseRate(), RationaleParseRate(ratio=0.4))
SHAPES = ("llama", "mistral", "gpt2")


def judged(metric, scores, answers):
    """The metric, where `answers` says what is written for each set of words kept."""
    text = " ".join("abcdefghij"[: len(scores)])
    example = Example("letters", (text,))
    given = Attribution(example, features_of((text,), "word"), np.array(scores, float), Target((1,)), "positive")
    game = lambda keep: np.array([answers("".join(np.array(list("abcdefghij"))[: len(row)][row])) for row in keep])  # noqa: E731
    return play(metric.explore(given, np.random.default_rng(0)), lambda keep: game(keep).astype(float), len(scores))


def asking(keep):
    return (yield keep)


def removed(model):
    """Rows of several lengths, under every operator."""
    rng = np.random.default_rng(0)
    return [
        model.remove(row, rng.random(len(row.features)) < 0.5, operator)
        for row in prepare(model, EXAMPLES, "predicted", "word").rows
        for operator in OPERATORS
        if operator in model.operators
    ]


@pytest.mark.parametrize("check", checks.SUBSET_METRIC_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_metrics_conform(metric, check):
    check(metric)


def test_an_answer_agrees_where_it_is_that_to_the_full_text_and_one_without_a_label_agrees_with_nothing():
    scores = [5, 4, 0, 0]
    for full, kept, agrees in ((1, 1, 1), (0, 0, 1), (1, 0, 0), (0, 1, 0), (1, -1, 0), (-1, 1, 0), (-1, -1, 0)):
        found = judged(GeneratedAgreement(), scores, lambda words, f=full, k=kept: {"abcd": f, "ab": k}[words])
        assert found.values == agrees
        assert found.diagnostics == {"kept": 0.5, "parsed": float(kept >= 0)}
        assert judged(RationaleParseRate(), scores, lambda words, k=kept: {"ab": k}[words]).values == (kept >= 0)


def test_tied_words_are_kept_in_all_their_orders():
    """Two of three, all tied: of three rationales one is answered as the text is, one otherwise and one not at all."""
    answers = {"abc": 1, "ab": 1, "ac": 0, "bc": -1}
    found = judged(GeneratedAgreement(ratio=0.5), [1, 1, 1], answers.get)
    assert found.values == pytest.approx(1 / 3)
    assert found.diagnostics == pytest.approx({"kept": 2 / 3, "parsed": 2 / 3})
    assert judged(RationaleParseRate(ratio=0.5), [1, 1, 1], answers.get).values == pytest.approx(2 / 3)


def test_an_empty_selection_agrees_with_nothing_though_an_empty_prompt_is_answered():
    found = judged(GeneratedAgreement(), [1, 1, 1], lambda words: 1)
    assert (found.values, found.diagnostics) == (0.0, {"kept": 0.0, "parsed": 1.0})


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cached", [True, False])
def test_each_row_is_continued_as_it_is_alone(shape, cached):
    model = TinyCausal(shape=shape).load(LABELS, "cpu")
    with model.active():
        rows = removed(model)
        together = greedy(model, rows, [7] * len(rows), cached)
        assert together == [greedy(model, [row], [7], cached=False)[0] for row in rows]
        plain = [place for place, row in enumerate(rows) if not row.averaged.any()]
        texts = model.generate([rows[place] for place in plain], 7)
    assert texts == [model.tokenizer.decode(together[place], skip_special_tokens=True) for place in plain]


@pytest.mark.parametrize("source", [TinyCausal(), TinyWriter()], ids=str)
def test_keys_and_values_are_kept_where_the_network_takes_them_and_the_text_is_the_same(source):
    labels = LABELS if isinstance(source, TinyCausal) else ()
    model, forgetful = source.load(labels, "cpu"), source.load(labels, "cpu")
    forward, passes = forgetful.network.forward, []
    forgetful.network.forward = lambda past_key_values=None, **inputs: forward(**inputs)
    model.network.model.layers[0].register_forward_hook(lambda layer, given, made: passes.append(given[0].shape[1]))
    with model.active(), forgetful.active():
        rows = [model.encode(each) for each in EXAMPLES]
        assert keeps_state(model, rows)
        assert not keeps_state(forgetful, rows)
        passes.clear()
        assert greedy(model, rows, [9] * len(rows), True) == greedy(forgetful, rows, [9] * len(rows), False)
        assert passes == [max(map(len, rows)), *[1] * 8]
        assert model.generate(rows, 9) == forgetful.generate(rows, 9)
        if not labels:
            for one, other in zip(model.decide(rows), forgetful.decide(rows), strict=True):
                assert one.target == other.target


def test_a_window_shorter_than_the_prompt_is_kept():
    model = TinyCausal(shape="mistral").load(LABELS, "cpu")
    model.network.config.sliding_window = 6
    with model.active():
        rows = removed(model)
        assert greedy(model, rows, [9] * len(rows), True) == greedy(model, rows, [9] * len(rows), False)


@pytest.mark.parametrize("cached", [True, False])
def test_a_row_ends_at_its_own_limit_and_before_the_end_of_text(cached):
    model = TinyCausal().load(LABELS, "cpu")
    with model.active():
        rows = removed(model)
        model.tokenizer.eos_token = None
        free = greedy(model, rows, [8] * len(rows), cached)
        limits = [place % 9 for place in range(len(rows))]
        cut = [ids[:most] for ids, most in zip(free, limits, strict=True)]
        assert greedy(model, rows, limits, cached) == cut
        model.tokenizer.eos_token_id = ends = free[0][3]
        short = greedy(model, rows, [8] * len(rows), cached)
    assert short == [ids[: ids.index(ends)] if ends in ids else ids for ids in free]
    assert {len(ids) for ids in short} > {len(short[0])}


@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_the_labels_in_what_is_written(shape, monkeypatch):
    """The answer's label depends on its length here, so that the tiny model's babble holds labels at all."""
    model = TinyCausal(shape=shape).load(LABELS, "cpu")
    monkeypatch.setattr(model, "parse", lambda written: (None, *LABELS)[len(written) % 3])
    with model.active():
        rows = prepare(model, EXAMPLES, "predicted", "word").rows
        keeps = [np.random.default_rng(0).random((6, len(row.features))) < 0.5 for row in rows]
        evaluator = SubsetEvaluator(model)
        found = evaluator.explore(
            [Question(row, "delete", "answer", asking(keep)) for row, keep in zip(rows, keeps, strict=True)]
        )
        for row, keep, answer in zip(rows, keeps, found, strict=True):
            alone = [model.generate([model.remove(row, each, "delete")], TOKENS)[0] for each in keep]
            assert answer.scores.values.tolist() == [len(text) % 3 - 1 for text in alone]
    assert len({value for answer in found for value in answer.scores.values}) == 3


def test_an_answer_is_written_once_whoever_asks_and_costs_the_same_in_any_company():
    model = TinyCausal().load(LABELS, "cpu")
    calls = []
    model.network.register_forward_hook(lambda *given: calls.append(1))
    with model.active():
        (row,) = prepare(model, EXAMPLES[1:2], "predicted", "word").rows
        keep = np.random.default_rng(0).random((5, len(row.features))) < 0.5
        evaluator = SubsetEvaluator(model)
        first, second = evaluator.explore([Question(row, "delete", "answer", asking(keep)) for _ in range(2)])
        asked = len(calls)
        (again,) = evaluator.explore([Question(row, "delete", "answer", asking(keep[::-1]))])
        assert len(calls) == asked
        evaluator.forget()
        (anew,) = evaluator.explore([Question(row, "delete", "answer", asking(keep))])
    costs = {(each.own.subsets, each.own.forwards, each.own.tokens, each.own.flops) for each in (first, second, again)}
    assert len(costs) == 1
    assert (first.own.subsets, first.actual.subsets, second.actual.subsets, again.actual.subsets) == (5, 5, 0, 0)
    assert anew.actual.tokens == anew.own.tokens == first.own.tokens > 0
    np.testing.assert_array_equal(first.scores.values, again.scores.values[::-1])


def test_answers_that_do_not_fit_are_halved_with_the_same_labels(monkeypatch):
    model = TinyCausal().load(LABELS, "cpu")
    monkeypatch.setattr(model, "parse", lambda written: (None, *LABELS)[len(written) % 3])
    with model.active():
        (row,) = prepare(model, EXAMPLES[1:2], "predicted", "word").rows
        keep = np.random.default_rng(0).random((9, len(row.features))) < 0.5
        (expected,) = SubsetEvaluator(model).explore([Question(row, "delete", "answer", asking(keep))])
        evaluator, collate = SubsetEvaluator(model), model.collate

        def small_memory(rows):
            if len(rows) > 2:
                raise torch.OutOfMemoryError("no room")
            return collate(rows)

        monkeypatch.setattr(model, "collate", small_memory)
        evaluator._trees = True  # the trial is not what is short of memory here
        (halved,) = evaluator.explore([Question(row, "delete", "answer", asking(keep))])
    np.testing.assert_array_equal(expected.scores.values, halved.scores.values)


def test_a_model_without_room_to_write_writes_nothing():
    model = TinyCausal().load(LABELS, "cpu")
    with model.active():
        (row,) = prepare(model, EXAMPLES[:1], "predicted", "word").rows
        model.network.config.max_position_embeddings = len(row)
        everything = np.ones((1, len(row.features)), dtype=bool)
        (answer,) = SubsetEvaluator(model).explore([Question(row, "delete", "answer", asking(everything))])
    assert answer.scores.values.tolist() == [-1]


def test_what_is_measured_is_what_the_metric_says_of_the_written_answers(monkeypatch):
    """With a real network in between: agreement of the parsed answers to the kept words and to the full text."""
    model = TinyCausal().load(LABELS, "cpu")
    monkeypatch.setattr(model, "parse", lambda written: (None, *LABELS)[len(written) % 3])
    with model.active():
        prepared = prepare(model, EXAMPLES, "predicted", "word")
        explained = attribute(prepared, LeaveOneOut()).explained
        measures = measure(prepared, GeneratedAgreement(), explained, ("delete",))
        for row, given, found in zip(prepared.rows, explained, measures, strict=True):
            keep = given.scores > given.scores.mean()
            full, kept = (
                model.parse(model.generate([each], TOKENS)[0]) for each in (row, model.remove(row, keep, "delete"))
            )
            assert found.value == float(keep.any() and kept is not None and kept == full)
            assert found.diagnostics == {"kept": keep.mean(), "parsed": float(kept is not None)}


def test_an_encoder_writes_no_answer():
    model = TinyEncoder().load(LABELS, "cpu")
    with model.active():
        prepared = prepare(model, EXAMPLES, "predicted", "word")
        explained = attribute(prepared, LeaveOneOut()).explained
        for metric in (GeneratedAgreement(), RationaleParseRate()):
            with pytest.raises(Unsupported, match="asked in words"):
                measure(prepared, metric, explained)
