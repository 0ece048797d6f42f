"""How good written texts are: comparisons with a reference, and whether a token's evidence comes first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from attrimark.run.attribute import attribute
from attrimark.run.prepare import prepare
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.metrics.codebertscore import CodeBertScore, greedy_matching, harmonic_mean
from attrimark_plugins.metrics.edit_similarity import EditSimilarity, levenshtein
from attrimark_plugins.metrics.embedding_similarity import EmbeddingSimilarity
from attrimark_plugins.metrics.evidence_lift import EvidenceLift
from attrimark_plugins.metrics.evidence_precision import EvidencePrecision
from attrimark_plugins.metrics.exact_match import ExactMatch
from attrimark_plugins.metrics.shared import written_texts
from attrimark_plugins.metrics.shared.evidence_of_tokens import characters_written
from attrimark_plugins.metrics.shared.text_encoder import TextEncoder
from attrimark_plugins.models.shared.loading import quiet
from attrimark_plugins.models.tiny import TinyEncoder
from attrimark_registry import Attribution, Example, Feature, Span, Target, Unsupported
from attrimark_registry.assets import cached
from attrimark_registry.conformance import MARKED, SPAN_METRIC_CHECKS
from hypothesis import given
from hypothesis import strategies as st

from tests.references import networks

TEXTS = ("a gorgeous film", "dull", "the film is not very sad")


@pytest.fixture(scope="module")
def writer():
    return networks.writer()


def saved(shape, folder) -> str:
    """A reference to a tiny random encoder of texts, saved without a pooler."""
    source = TinyEncoder(shape=shape).load(("a", "b"), "cpu")
    with quiet():
        source.network.encoder.save_pretrained(folder)
    source.tokenizer.save_pretrained(folder)
    return f"path:{folder}"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> str:
    return saved("bert", tmp_path_factory.mktemp("bert"))


def referred(model, change=lambda text: text) -> list[Example]:
    """Examples whose reference is what the model writes after them, changed."""
    examples = [Example(str(place), (text,)) for place, text in enumerate(TEXTS)]
    with model.active():
        written = [model.generate([model.encode(each)], model.most)[0] for each in examples]
    return [replace(each, reference=change(text)) for each, text in zip(examples, written, strict=True)]


@pytest.fixture
def metrics(encoder):
    return [
        ExactMatch(),
        EditSimilarity(),
        EmbeddingSimilarity(model=encoder),
        CodeBertScore(model=encoder),
        CodeBertScore(model=encoder, context=False, layer=1),
    ]


def values(metric, model, examples) -> np.ndarray:
    found = metric.measure(model, examples)
    return np.asarray(getattr(found, "values", found))


def test_what_is_written_as_the_reference_has_the_best_value_of_all_metrics(writer, metrics):
    for metric in metrics:
        np.testing.assert_allclose(values(metric, writer, referred(writer)), 1, atol=1e-5)


def test_what_is_written_otherwise_has_less_and_stays_within_bounds(writer, metrics):
    for metric in metrics:
        found = values(metric, writer, referred(writer, lambda text: f"it is {text} and a film"))
        assert (found < 1 - 1e-6).all()
        assert (found >= metric.bounds[0]).all()


def test_white_space_changes_neither_match_nor_edits(writer):
    spread = referred(writer, lambda text: "\n " + text.replace(" ", "\t  ") + " ")
    for metric in (ExactMatch(), EditSimilarity()):
        assert (values(metric, writer, spread) == 1).all()


def test_texts_without_a_reference_say_nothing_and_none_at_all_are_refused(writer, metrics):
    examples = referred(writer)
    some = [examples[0], replace(examples[1], reference=None), Example("long", ("good " * 90,), reference="good")]
    for metric in metrics:
        np.testing.assert_array_equal(np.isnan(values(metric, writer, some)), [False, True, True])
        with pytest.raises(Unsupported, match="none of the texts has a reference"):
            metric.measure(writer, some[1:2])
        with pytest.raises(Unsupported, match="decides between labels"):
            metric.measure(networks.prompted(), examples)


def test_a_model_writes_once_for_all_metrics_and_again_when_it_was_trained(metrics, monkeypatch):
    model = networks.writer()
    examples = referred(model)
    calls = []
    generate = type(model).generate
    monkeypatch.setattr(type(model), "generate", lambda *given: calls.append(given) or generate(*given))
    for metric in metrics:
        metric.measure(model, examples)
    assert len(calls) == 1
    with torch.no_grad():
        next(model.network.parameters()).mul_(-1)
    matches = ExactMatch().measure(model, examples)
    assert len(calls) == 2
    assert (matches == 0).any()
    assert set(written_texts._known[model][1]) == {0, 1, 2}


@given(st.text("ab c", max_size=8), st.text("ab c", max_size=8))
def test_levenshtein_equals_its_recursion(one, other):
    def slow(left: str, right: str) -> int:
        if not left or not right:
            return len(left) + len(right)
        same = slow(left[1:], right[1:]) + (left[0] != right[0])
        return same if left[0] == right[0] else min(same, slow(left[1:], right) + 1, slow(left, right[1:]) + 1)

    assert levenshtein(one, other) == slow(one, other)


def test_edit_similarity_of_a_known_pair():
    assert levenshtein("kitten", "sitting") == 3
    assert levenshtein("", "") == 0
    assert levenshtein("naïve 👩", "naive 👧") == 2


# Greedy matching


def slow_matching(written, reference) -> tuple[float, float]:
    def cosine(one, other):
        dot = norm_one = norm_other = 0.0
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            dot, norm_one, norm_other = dot + a * b, norm_one + a * a, norm_other + b * b
        return dot / (norm_one * norm_other) ** 0.5

    precision = sum(max(cosine(one, other) for other in reference) for one in written) / len(written)
    recall = sum(max(cosine(one, other) for one in written) for other in reference) / len(reference)
    return precision, recall


def test_greedy_matching_equals_loops_and_swaps_with_its_sides():
    draws = torch.Generator().manual_seed(0)
    written, reference = (torch.randn(count, 4, generator=draws).double() for count in (3, 5))
    precision, recall = greedy_matching(written, reference)
    assert (precision, recall) == pytest.approx(slow_matching(written, reference), abs=1e-12)
    assert greedy_matching(reference, written) == pytest.approx((recall, precision), abs=1e-12)
    assert greedy_matching(written, written) == pytest.approx((1.0, 1.0))
    assert greedy_matching(written[:0], reference) == (0.0, 0.0)
    assert harmonic_mean(0.5, 1.0) == pytest.approx(2 / 3)
    assert harmonic_mean(-0.1, 1.0) == harmonic_mean(0.0, 0.0) == 0.0


@pytest.mark.parametrize(("shape", "context"), [("bert", False), ("roberta", True)])
def test_codebertscore_matches_the_tokens_with_letters_or_digits_in_their_context(writer, tmp_path, shape, context):
    encoder = saved(shape, tmp_path)
    examples = referred(writer, lambda text: f"( {text} , 1.2 )")
    found = CodeBertScore(model=encoder, context=context).measure(writer, examples)
    loaded = TextEncoder.of(encoder, torch.device("cpu"))
    for place, example in enumerate(examples):
        prefix = f"{example.text}\n" if context else ""
        sides = []
        for text in (example.reference[2:-8], example.reference):
            encoding = loaded.tokenizer(prefix + text, return_offsets_mapping=True)
            with torch.no_grad():
                states = loaded.network(torch.tensor([encoding["input_ids"]])).last_hidden_state[0].double()
            whole = prefix + text
            counted = [
                number
                for number, (start, end) in enumerate(encoding["offset_mapping"])
                if end > start >= len(prefix) and any(each.isalnum() for each in whole[start:end])
            ]
            sides.append(states[counted])
        precision, recall = slow_matching(*sides)
        assert found.diagnostics["precision"][place] == pytest.approx(precision, abs=1e-5)
        assert found.diagnostics["recall"][place] == pytest.approx(recall, abs=1e-5)
        assert found.values[place] == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-5)
    assert len(sides[0]) < len(sides[1])


def test_an_encoder_that_is_not_at_hand_is_unsupported_with_a_remedy(writer, monkeypatch, tmp_path):
    monkeypatch.setenv("ATTRIMARK_OFFLINE", "1")
    monkeypatch.setenv("ATTRIMARK_CACHE", str(tmp_path))
    missing = f"hf:somebody/code-encoder@{'0' * 40}"
    for metric in (CodeBertScore(model=missing), CodeBertScore(model=f"path:{tmp_path}/none"), EmbeddingSimilarity()):
        with pytest.raises(Unsupported, match=r"not at hand \(.*or name one on this machine"):
            metric.measure(writer, referred(writer))


def test_a_layer_that_the_encoder_has_not_is_unsupported(encoder, writer):
    with pytest.raises(Unsupported, match="the encoder has 2 blocks, and layer 9 is asked for"):
        CodeBertScore(model=encoder, layer=9).measure(writer, referred(writer))


def test_nothing_is_cut_to_fit_the_encoder(encoder, writer):
    long = referred(writer, lambda text: f"{text} film" * 200)
    for metric in (CodeBertScore(model=encoder), EmbeddingSimilarity(model=encoder)):
        assert np.isnan(values(metric, writer, long)).all()


def test_loading_an_encoder_draws_nothing(encoder):
    before = torch.random.get_rng_state()
    TextEncoder.of(encoder, torch.device("cpu"))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_network_without_trained_weights_is_no_encoder(tmp_path: Path):
    tokenizer = networks.tokenizer(True)
    config = transformers.BertConfig(vocab_size=40, hidden_size=16, num_attention_heads=2, num_hidden_layers=1)
    with quiet():
        transformers.BertModel(config).save_pretrained(tmp_path)
        transformers.BertConfig.from_pretrained(tmp_path, num_hidden_layers=2).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(Unsupported, match="lacks trained weights"):
        TextEncoder.of(f"path:{tmp_path}", torch.device("cpu"))


@pytest.mark.assets
def test_sentence_embeddings_of_a_paraphrase_are_closer_than_those_of_another_text(writer):
    from attrimark_plugins.models.minilm import WEIGHTS

    if not cached(WEIGHTS):
        pytest.skip("the weights are not cached")
    encoder = TextEncoder.of(WEIGHTS, torch.device("cpu"))
    one, like, other = (
        encoder.states(text)[0].mean(0)
        for text in ("the film was excellent", "a superb movie", "stairs are at least 900 mm wide")
    )
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(one, like, dim=0) > 0.5 > 0.2 > cosine(one, other, dim=0)


# Evidence of each token

RULE = "width >= 900"
CLAUSE = ("stairs", "shall", "be", "at", "least", "900", "mm")
FEATURES = tuple(Feature(word, 0, 10 * place, 10 * place + len(word)) for place, word in enumerate(CLAUSE))
# "at least" decides ">=", "900" decides "900"
SPANS = (
    Span(0, 30, 45, "rationale", decides=(6, 8)),
    Span(0, 50, 53, "rationale", decides=(9, 12)),
    Span(0, 50, 53, "number"),
    Span(0, 0, 6, "rationale"),
)
EXAMPLE = Example("clause", ("stairs",), reference=RULE, spans=SPANS)


def of_tokens(written, by_token, example=EXAMPLE) -> Attribution:
    by_token = np.array(by_token, dtype=np.float32)
    target = Target(tuple(range(len(written))), tuple(range(len(written))))
    return Attribution(
        example, FEATURES, by_token.sum(0), target, "".join(written), by_token=by_token, written=tuple(written)
    )


def one_hot(*places) -> list[float]:
    return [float(place in places) for place in range(len(CLAUSE))]


@pytest.mark.parametrize(
    ("written", "tokens"),
    [
        (("wid", "th", " >=", " 9", "00"), [(0,), (0,), (3, 4), (5,), (5,)]),
        (("width", " ", ">", "=", " ", "900"), [(0,), (0,), (3, 4), (4, 3), (1,), (5,)]),  # blanks decide nothing
        (("width>=", "900"), [(3, 4), (5,)]),  # a tokenizer that drops blanks; a token of two parts
        (("\n width >=  900",), [(3, 4, 5)]),
    ],
)
def test_evidence_that_comes_first_for_every_token_is_1(written, tokens):
    attribution = of_tokens(written, [one_hot(*places) for places in tokens])
    assert EvidencePrecision().compare(attribution, EXAMPLE) == 1.0


def test_evidence_precision_is_the_mean_over_the_tokens_that_are_decided():
    # "900" first for ">=": its two words tie with four others behind it; "900" itself comes last
    by_token = [one_hot(0), one_hot(5), [1, 1, 1, 1, 1, 0, 1]]
    found = EvidencePrecision().compare(of_tokens(("width", " >=", " 900"), by_token), EXAMPLE)
    # by enumeration: two marked among six places that come after the first, in any order
    places = [(a, b) for a in range(2, 8) for b in range(a + 1, 8)]
    tied = np.mean([(1 / a + 2 / b) / 2 for a, b in places])
    assert found == pytest.approx((tied + 1 / 7) / 2, abs=1e-9)


def test_only_what_is_written_as_the_reference_counts():
    # parts from it at ">": the number that follows is no longer the reference's
    assert EvidencePrecision().compare(of_tokens(("width", " >", " 900"), [one_hot(5)] * 3), EXAMPLE) == pytest.approx(
        np.mean([(1 / a + 2 / b) / 2 for a in range(2, 8) for b in range(a + 1, 8)])
    )
    assert EvidencePrecision().compare(of_tokens(("height", " >=", " 900"), [one_hot(5)] * 3), EXAMPLE) is None
    longer = of_tokens((*("width", " >=", " 900"), " mm"), [one_hot(0), one_hot(3, 4), one_hot(5), one_hot(6)])
    assert EvidencePrecision().compare(longer, EXAMPLE) == 1.0


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (("ab", " c"), [[0, 1], [3]]),
        (("a", "", "b c"), [[0], [], [1, 3]]),
        (("a", "x", " c"), [[0], [], []]),
        (("ab", " cd"), [[0, 1], []]),
        (("\tab c\n", "more"), [[0, 1, 3], []]),
    ],
)
def test_tokens_find_their_characters_in_the_reference(written, expected):
    assert characters_written(written, "ab c") == expected


def test_without_tokens_reference_or_known_evidence_there_is_no_number():
    made = of_tokens(("width", " >=", " 900"), [one_hot(5)] * 3)
    for metric in (EvidencePrecision(), EvidenceLift()):
        assert metric.compare(replace(made, by_token=None, written=()), EXAMPLE) is None
        assert metric.compare(made, replace(EXAMPLE, reference=None)) is None
        assert metric.compare(made, replace(EXAMPLE, spans=SPANS[2:])) is None


def test_evidence_precision_of_a_constant_explanation_is_that_of_random_orders():
    constant = of_tokens(("width", " >=", " 900"), np.zeros((3, 7)))
    rng = np.random.default_rng(0)
    drawn = [of_tokens(constant.written, rng.standard_normal((3, 7))) for _ in range(2000)]
    metric = EvidencePrecision()
    mean = np.mean([metric.compare(each, EXAMPLE) for each in drawn])
    assert metric.compare(constant, EXAMPLE) == pytest.approx(mean, abs=0.02)


@pytest.mark.parametrize("check", SPAN_METRIC_CHECKS, ids=lambda check: check.__name__)
def test_evidence_precision_conforms(check):
    spans = (Span(0, 2, 10, "rationale", decides=(0, 2)), Span(0, 19, 23, "rationale", decides=(2, 4)))
    check(EvidencePrecision(), replace(MARKED, reference="good", spans=spans))


def test_evidence_lift_is_the_share_of_the_deciding_words_over_what_their_number_gives_them():
    # nothing is known to decide "width"; all on the two of seven words for ">="; a quarter on the one for "900"
    by_token = [[3, -1, 0, 0, 0, 0, 0], [0, 0, 0, 2, -2, 0, 0], [1, 1, 1, 0, 0, -1, 0]]
    attribution = of_tokens(("width", " >=", " 900"), by_token)
    assert EvidenceLift().compare(attribution, EXAMPLE) == pytest.approx((7 / 2 + 0.25 * 7) / 2)
    assert EvidenceLift(category="number").compare(attribution, EXAMPLE) == pytest.approx(0.25 * 7)
    assert EvidenceLift(category="identifier").compare(attribution, EXAMPLE) is None


@pytest.mark.long
def test_evidence_lift_of_random_scores_is_1_on_average():
    rng = np.random.default_rng(0)
    drawn = [of_tokens(("width", " >=", " 900"), rng.standard_normal((3, 7))) for _ in range(3000)]
    for metric in (EvidenceLift(), EvidenceLift(category="number")):
        assert np.mean([metric.compare(each, EXAMPLE) for each in drawn]) == pytest.approx(1, abs=0.05)


def test_explanations_of_each_token_are_judged_as_they_were_made(writer):
    text, reference = "the film is not very sad", "very sad"
    spans = (Span(0, 16, 20, "rationale", decides=(0, 4)), Span(0, 21, 24, "rationale", decides=(5, 8)))
    example = Example("0", (text,), reference=reference, spans=spans)
    with writer.active():
        prepared = prepare(writer, [example], "gold", "word")
        (made,) = attribute(prepared, LeaveOneOut(), each_token=True).explained
    ranks = [1 + int((scores > scores[word]).sum()) for scores, word in zip(made.by_token, (4, 5), strict=True)]
    assert EvidencePrecision().compare(made, example) == pytest.approx(np.mean([1 / rank for rank in ranks]))
