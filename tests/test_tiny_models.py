"""Every tiny shape: rows and batches, removal, edge inputs, and outputs against a slow loop."""

from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest
import torch
from attrimark_plugins.datasets.planted import Planted, corpus
from attrimark_plugins.models.tiny import TOKENIZERS, TinyCausal, TinyEncoder, TinyWriter
from attrimark_registry import (
    PROTECTED,
    AttrimarkError,
    Classifier,
    Example,
    PromptClassifier,
    Unsupported,
    Writer,
)
from pydantic import ValidationError
from torch.testing import assert_close

LABELS = ("negative", "positive")
ENCODERS = ("bert", "roberta", "camembert", "distilbert")
CAUSALS = ("llama", "mistral", "gpt2")
SHAPES = (*ENCODERS, *CAUSALS)
EDGES = {
    "one word": "film",
    "one character": "a",
    "one word of many tokens": "antidisestablishmentarianism",
    "emoji": "a moving film 🙂👩‍👩‍👧 truly",
    "combining accents": "cafe\u0301 cre\u0300me bru\u0302le\u0301e",
    "right to left": "הסרט היה נפלא מאוד",
    "only punctuation": "?! … --",
    "white space around": "  a film \n\n and a score\t",
}


def load(shape, **options):
    source = TinyEncoder if shape in ENCODERS else TinyCausal
    return source(shape=shape, **options).load(LABELS, "cpu")


@pytest.fixture(scope="module", params=SHAPES)
def model(request):
    return load(request.param)


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request):
    return load(request.param)


@pytest.fixture(scope="module", params=CAUSALS)
def causal(request):
    return load(request.param)


@pytest.fixture(scope="module")
def texts():
    return [example.text for example in Planted(train=6, validation=0, test=0).load().train]


def rows_of(model, texts):
    return [model.encode(Example(str(number), (text,))) for number, text in enumerate(texts)]


def outputs_of(model, rows):
    with torch.no_grad():
        return model.outputs(model.collate(rows))


def test_sources_give_the_final_kinds():
    assert isinstance(load("bert"), Classifier)
    assert isinstance(load("llama"), PromptClassifier)
    assert isinstance(TinyWriter().load((), "cpu"), Writer)


@pytest.mark.parametrize("shape", SHAPES)
def test_weights_follow_the_seed_and_leave_the_global_generator_alone(shape):
    state = torch.random.get_rng_state()
    first, again, other = (load(shape, seed=seed).network.state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("language", ["english", "french"])
@pytest.mark.parametrize("shape", SHAPES)
def test_tokenizers_are_the_same_each_time_and_cut_some_words(shape, language):
    first, again = (load(shape, language=language) for _ in range(2))
    assert first.tokenizer.get_vocab() == again.tokenizer.get_vocab()
    assert len(first.tokenizer) <= 600
    rows = rows_of(first, corpus(language)[:20])
    assert any(np.bincount(row.feature_of[row.feature_of >= 0]).max() > 1 for row in rows)


def test_tokenizers_are_the_same_in_another_process():
    program = (
        "from attrimark_plugins.models import tiny; from attrimark_plugins.datasets.planted import corpus; "
        "print({shape: make(corpus('french'), 64).get_vocab() for shape, make in tiny.TOKENIZERS.items()})"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    here = {shape: make(corpus("french"), 64).get_vocab() for shape, make in TOKENIZERS.items()}
    assert ast.literal_eval(run.stdout) == here


def test_outputs_answer_to_the_text(model, texts):
    outputs = outputs_of(model, rows_of(model, texts))
    assert outputs.shape == (len(texts), len(LABELS))
    assert outputs.std(0).min() > 1e-3


@pytest.mark.parametrize("operator", ["mask", "delete", "pad", "attention", "mean"])
def test_padding_and_batching_change_nothing(model, texts, operator):
    rows = rows_of(model, texts)
    if operator not in model.operators:
        with pytest.raises(Unsupported, match=operator):
            model.remove(rows[0], np.zeros(len(rows[0].features), dtype=bool), operator)
        return
    rng = np.random.default_rng(0)
    removed = [model.remove(row, rng.random(len(row.features)) < 0.5, operator) for row in rows]
    removed += [model.remove(rows[0], np.zeros(len(rows[0].features), dtype=bool), operator), *rows]
    alone = torch.cat([outputs_of(model, [row]) for row in removed])
    assert_close(outputs_of(model, removed), alone, atol=1e-5, rtol=1e-5)
    assert_close(outputs_of(model, removed[::-1]), alone.flip(0), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("operator", ["mask", "delete", "pad", "attention", "mean"])
def test_removing_nothing_changes_nothing(model, texts, operator):
    if operator in model.operators:
        rows = rows_of(model, texts)
        whole = [model.remove(row, np.ones(len(row.features), dtype=bool), operator) for row in rows]
        assert torch.equal(outputs_of(model, whole), outputs_of(model, rows))


def test_a_word_of_several_tokens_moves_together(model):
    row = model.encode(Example("1", ("an antidisestablishmentarian film",)))
    places = np.flatnonzero(row.feature_of == 1)
    assert len(places) > 2
    without = model.remove(row, np.array([True, False, True]), "delete")
    assert len(without) == len(row) - len(places)
    assert without.ids.tolist() == np.delete(row.ids, places).tolist()
    assert without.positions.tolist() == row.positions[: len(without)].tolist()
    hidden = model.remove(row, np.array([True, False, True]), "attention")
    assert np.flatnonzero(~hidden.visible).tolist() == places.tolist()


@pytest.mark.parametrize("edge", EDGES)
def test_edge_inputs_have_their_words_as_features(model, edge):
    row = model.encode(Example("1", (EDGES[edge],)))
    assert [feature.text for feature in row.features] == EDGES[edge].split()
    assert set(row.feature_of.tolist()) - {PROTECTED} == set(range(len(row.features)))
    assert outputs_of(model, [row]).isfinite().all()
    for operator in model.operators:
        empty = model.remove(row, np.zeros(len(row.features), dtype=bool), operator)
        if len(empty):
            assert outputs_of(model, [empty]).isfinite().all()


def test_a_text_of_the_longest_length_is_taken_and_a_longer_one_refused(encoder):
    def tokens(words):
        return len(encoder.encode(Example("1", (" ".join(["the"] * words),))))

    words = 120
    while tokens(words) < encoder.longest:
        words += 1
    row = encoder.encode(Example("1", (" ".join(["the"] * words),)))
    assert len(row) == encoder.longest == 128
    assert outputs_of(encoder, [row]).isfinite().all()
    with pytest.raises(Unsupported, match="128"):
        tokens(words + 1)


def test_a_text_that_is_too_long_for_its_answers_is_refused(causal):
    with pytest.raises(Unsupported, match="128"):
        causal.encode(Example("1", ("the " * 200,)))


@pytest.mark.parametrize("text", ["", "  \n\t"])
def test_an_empty_text_is_refused(model, text):
    with pytest.raises(Unsupported, match="empty"):
        model.encode(Example("1", (text,)))


def test_embeddings_stand_in_for_tokens(model, texts):
    rows = rows_of(model, texts)
    rows.append(model.remove(rows[0], np.arange(len(rows[0].features)) % 2 == 0, "mean"))
    batch = model.collate(rows)
    with torch.no_grad():
        assert_close(model.outputs(batch), model.outputs(batch, model.embed(batch)), atol=1e-5, rtol=1e-5)


def test_outputs_are_differentiable_in_the_embeddings(model, texts):
    batch = model.collate(rows_of(model, texts))
    with model.active():
        embeddings = model.embed(batch).requires_grad_()
        (gradient,) = torch.autograd.grad(model.outputs(batch, embeddings).sum(), embeddings)
    assert gradient[batch.real].abs().sum() > 0
    assert gradient[~batch.real].abs().sum() == 0


@pytest.mark.parametrize(("shape", "first"), [("bert", 0), ("roberta", 2), ("camembert", 2), ("distilbert", 0)])
def test_roberta_shapes_count_positions_from_after_the_padding_index(shape, first):
    model = load(shape)
    row = model.encode(Example("1", ("a moving film",)))
    assert row.positions.tolist() == list(range(first, first + len(row)))
    implicit = model.network(input_ids=torch.from_numpy(row.ids)[None]).logits
    assert_close(outputs_of(model, [row]), implicit, atol=1e-5, rtol=1e-5)


def test_two_segments_are_told_apart(encoder):
    row = encoder.encode(Example("1", ("a moving film", "a dull plot")))
    assert [feature.segment for feature in row.features] == [0, 0, 0, 1, 1, 1]
    assert (max(row.types) == 1) == (encoder.network.config.model_type in ("bert", "distilbert"))
    assert outputs_of(encoder, [row]).isfinite().all()


def test_the_mean_is_taken_over_visible_tokens(texts):
    model = load("bert", pooling="mean")
    rows = rows_of(model, texts)
    keep = [np.arange(len(row.features)) % 2 == 0 for row in rows]
    hidden = [model.remove(row, kept, "attention") for row, kept in zip(rows, keep, strict=True)]
    batch = model.collate(hidden)
    states = model.network.encoder(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, position_ids=batch.position_ids
    ).last_hidden_state
    slow = torch.stack([state[mask].mean(0) for state, mask in zip(states, batch.attention_mask.bool(), strict=True)])
    pooled = model.network.pool(batch.input_ids, None, batch.attention_mask, batch.position_ids)
    assert_close(pooled, slow, atol=1e-5, rtol=1e-5)


def test_eager_attention_gives_the_same_outputs(model, texts):
    rows = rows_of(model, texts)
    fused = outputs_of(model, rows)
    before = model.network.config._attn_implementation
    with model.eager():
        assert model.network.config._attn_implementation == "eager"
        assert_close(outputs_of(model, rows), fused, atol=1e-5, rtol=1e-5)
    assert model.network.config._attn_implementation == before


@pytest.mark.parametrize("answers", [None, {"negative": " a bad one", "positive": " a bad but moving film"}])
@pytest.mark.parametrize("shape", CAUSALS)
def test_answers_of_several_tokens_are_scored_as_one_at_a_time(shape, answers, texts):
    model = load(shape, answers=answers)
    prompt = "Text: {text}\nLabel:"
    for text, outputs in zip(texts, outputs_of(model, rows_of(model, texts)), strict=True):
        for label, output in zip(LABELS, outputs, strict=True):
            slow = slow_log_probability(model, prompt.format(text=text), model.answers[label])
            assert float(output) == pytest.approx(slow, rel=1e-5)


def slow_log_probability(model, prompt, answer):
    """Σ log p of the answer's tokens: one forward a token, no batch, no padding, no kept positions."""
    ids = model.tokenizer(prompt)["input_ids"]
    written = model.tokenizer(prompt + answer)["input_ids"][len(ids) :]
    assert len(written) > 1
    total = 0.0
    for token in written:
        with torch.no_grad():
            total += float(model.network(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)[token])
        ids = [*ids, token]
    return total


def test_a_writer_scores_what_it_wrote(texts):
    model = TinyWriter().load((), "cpu")
    rows = model.decide(rows_of(model, texts))
    outputs = outputs_of(model, rows)
    for row, steps in zip(rows, outputs, strict=True):
        ids = row.ids.tolist()
        for token, step in zip(row.target.ids, steps, strict=False):
            logits = model.network(input_ids=torch.tensor([ids])).logits[0, -1]
            assert int(logits.argmax()) == token
            assert_close(step, logits.log_softmax(-1)[token], atol=1e-5, rtol=1e-5)
            ids.append(token)


def test_answers_for_other_labels_are_refused():
    with pytest.raises(AttrimarkError, match="negative, positive"):
        load("llama", answers={"good": " yes", "bad": " no"})


@pytest.mark.parametrize("source", [TinyEncoder, TinyCausal, TinyWriter])
def test_a_width_that_the_heads_cannot_share_is_refused(source):
    with pytest.raises(ValidationError, match="heads"):
        source(width=30, heads=4)
