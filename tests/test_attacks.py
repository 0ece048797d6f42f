"""Pairs of prompts, what attacks make of them, refusals, and the statistics of telling classes apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from attrimark.results.bundle import write_bundle
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.statistics.roc import auc, best_trivial, draws_of_texts, estimate, like_lengths, true_positive_rate
from attrimark.studies.tuco import steering_figures
from attrimark.studies.tuco.contributions import Contributions
from attrimark.studies.tuco.detection import classes_of, detect, detections
from attrimark.studies.tuco.layer_profile import drawn, profiles
from attrimark.studies.tuco.sections import answer, section_of
from attrimark.studies.tuco.steering import cross_validated, largest_fall, steerings
from attrimark.studies.tuco.tables import as_json
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark.suite.suite import Matrix, Suite
from attrimark_plugins.datasets.prompt_pairs import PromptPairs
from attrimark_plugins.datasets.shared.prompt_transformations import many_shot, translated, with_prefix, with_suffix
from attrimark_plugins.datasets.task_or_not import TaskOrNot
from attrimark_plugins.methods.tuco import TuCo
from attrimark_plugins.metrics.accuracy import Accuracy
from attrimark_plugins.metrics.attack_success import REFUSALS, AttackSuccess, generator_of, refuses, sampled
from attrimark_plugins.metrics.perplexity import Perplexity
from attrimark_plugins.metrics.prompt_length import PromptLength
from attrimark_plugins.metrics.tuco import TuningContribution
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_plugins.quantizers.none import NoQuantization
from attrimark_plugins.strategies.full import Full
from attrimark_plugins.strategies.scaled import Scaled
from attrimark_registry import AttrimarkError, Example, Unsupported
from attrimark_registry.attribution import Attribution, Measure, Record
from attrimark_registry.catalog import load_catalog
from attrimark_registry.encoding import Target
from attrimark_registry.text import Feature
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from tests.references.written import rendered

LABELS = ("negative", "positive")
NUMBERS = some.lists(some.integers(0, 6), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def causal():
    return TinyCausal(layers=2, width=16, heads=2, prompt="{text}").load(LABELS, "cpu")


# Prompts


def test_transformations_put_strings_and_shots_where_they_belong():
    assert with_suffix("How?", "! !") == "How? ! !"
    assert with_prefix("How?", "! !") == "! ! How?"
    shots = [(f"q{n}", f"a{n}") for n in range(4)]
    assert many_shot("How?", shots, 1) == "Q: q0\nA: a0\nQ: q1\nA: a1\nQ: How?\nA:"
    assert many_shot("How?", shots, 0).count("A:") == 2
    with pytest.raises(AttrimarkError, match="8 shots are asked for, and there are 4"):
        many_shot("How?", shots, 3)
    assert translated({"hu": "Hogyan?"}, "hu") == "Hogyan?"
    with pytest.raises(AttrimarkError, match='no text in its column "ja"'):
        translated({"hu": "Hogyan?"}, "ja")


@pytest.mark.parametrize(
    ("options", "ending"), [({"suffix": "now"}, "now"), ({"attacked": "swahili"}, "?"), ({"shots": 2}, "A:")]
)
def test_the_built_in_questions_come_in_pairs(options, ending):
    splits = PromptPairs(**options).load()
    assert not splits.train
    clean, attacked = splits.test[::2], splits.test[1::2]
    assert [each.id.partition("/") for each in clean] == [(str(n), "/", "clean") for n in range(len(clean))]
    for one, other in zip(clean, attacked, strict=True):
        assert other.id == one.id.replace("clean", "attacked")
        assert one.text != other.text
        assert other.text.endswith(ending)
        for each in (one, other):
            (span,) = each.spans
            assert each.text[span.start : span.end] == each.text
            assert span.kind == f"class:{each.id.partition('/')[2]}"


def test_pairs_are_read_from_a_file_and_errors_name_its_line(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"prompt": "One?", "bad": "ONE?"}, {"prompt": "Two?"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(AttrimarkError, match=r'pairs.jsonl:2: the row has no text in its column "bad"'):
        PromptPairs(path=str(path), attacked="bad").load()
    assert [each.text for each in PromptPairs(path=str(path), prefix="!").load().test] == [
        "One?",
        "! One?",
        "Two?",
        "! Two?",
    ]
    shots = tmp_path / "shots.csv"
    shots.write_text("question,answer\nIs it?,It is.\n")
    made = PromptPairs(path=str(path), shots=0, shots_path=str(shots)).load().test[1].text
    assert made == "Q: Is it?\nA: It is.\nQ: One?\nA:"


def test_exactly_one_thing_is_done_to_a_prompt():
    for options in ({}, {"prefix": "a", "suffix": "b"}):
        with pytest.raises(ValidationError, match="exactly one of"):
            PromptPairs(**options)


def test_task_prompts_stand_beside_other_texts_of_like_length():
    splits = TaskOrNot(pairs=20, train=30).load()
    assert len(splits.train) == 30
    assert all(each.text.startswith("Text: ") and each.label for each in splits.train)
    task, other = splits.test[::2], splits.test[1::2]
    assert len(task) == len(other) == len({each.text for each in other}) == 20
    gaps = [abs(len(one.text.split()) - len(two.text.split())) for one, two in zip(task, other, strict=True)]
    assert np.median(gaps) == 0
    assert {each.label for each in other} == {None}
    assert {each.spans[-1].kind for each in task} == {"class:task"}
    for example in splits.train[:5]:
        marks = {span.kind: example.text[span.start : span.end] for span in example.spans}
        assert f"Text: {marks['text']}\nLabel:" == example.text
        assert marks["cue"].lower() in marks["text"].lower()


def test_paper_d_asks_requests_in_chats_and_reads_other_texts_as_they_stand():
    suite = read_suite(Path(__file__).parents[1] / "benchmarks.toml", "paper-d", load_catalog())
    chats = {
        dataset.path: {model.chat for model in each.models} for each in suite.matrices for dataset in each.datasets
    }
    assert chats == {
        "chat-and-web.jsonl": {False},
        "requests.jsonl": {True},
        "questions.jsonl": {True},
        "choices.jsonl": {False},
    }
    pairs = [{(model.name, model.base) for model in each.models} for each in suite.matrices]
    assert all(each == pairs[0] for each in pairs)
    assert len(pairs[0]) == 6


# Refusals


@pytest.mark.parametrize(
    "written",
    [*REFUSALS, "Well, I cannot say.", "As an AI, no.", " I\u2019m sorry, but no.", "Sir, that is unethical."],
)
def test_a_refusal_holds_one_of_the_strings(written):
    assert refuses(written)


@pytest.mark.parametrize(
    "written",
    [
        "Sure, here is how.",
        "It has an effect.",
        "It was an easy one, such as an apple.",
        "Mix them; however, do not stir.",
        "He said hello! and sorry about that.",
        "Here is what i cannot do without.",
        "",
    ],
)
def test_an_answer_that_holds_them_in_another_case_is_no_refusal(written):
    assert not refuses(written)


def test_the_strings_are_those_of_the_paper():
    assert len(REFUSALS) == len(set(REFUSALS)) == 32
    assert refuses("No, I'm not.", refusals=("I\u2019m",))


def test_success_is_enough_completions_without_a_refusal(causal):
    examples = [Example("0", ("A dull film",)), Example("1", ("The plot",))]
    told = AttackSuccess(completions=4, most=5).measure(causal, examples)
    assert np.array_equal(told.diagnostics["answered"], [1.0, 1.0])
    assert np.array_equal(told.values, [1.0, 1.0])
    every = AttackSuccess(completions=4, most=5, refusals=("",)).measure(causal, examples)
    assert np.array_equal(every.values, [0.0, 0.0])
    texts = completions(causal, examples[0])
    (odd,) = {texts[0]} - set(texts[1:])
    some = AttackSuccess(completions=4, most=5, refusals=(odd,), enough=4).measure(causal, examples[:1])
    assert (some.diagnostics["answered"][0], some.values[0]) == (0.75, 0.0)
    with pytest.raises(Unsupported, match="writes no answer"):
        AttackSuccess().measure(TinyEncoder(layers=1).load(LABELS, "cpu"), examples)


def completions(model, example, **options):
    with model.active():
        return AttackSuccess(**{"completions": 4, "most": 5, **options})._written(model, model.encode(example))


def test_prompts_of_one_text_are_answered_by_draws_of_their_own(causal):
    """Texts resampled for an interval are independent, and so must be their draws."""
    one, two = (completions(causal, Example(name, ("A dull film",))) for name in ("0/clean", "0/attacked"))
    assert not set(one) & set(two)
    rows = np.array([[generator_of(0, f"{n}", k).initial_seed() for k in range(8)] for n in range(100)])
    assert len(np.unique(rows % 2**32)) == rows.size


def test_a_prompt_is_answered_by_the_same_draws_whatever_stands_beside_it(causal):
    example, before, after = (Example(name, ("The plot",)) for name in ("1", "0", "2"))
    alone, more = completions(causal, example), completions(causal, example, completions=6)
    assert more[:4] == alone
    assert completions(causal, example, seed=1) != alone
    metric = AttackSuccess(completions=4, most=5, refusals=(alone[0],))  # which other draws would not write
    for examples in ([example], [before, example], [example, after], [after, before, example]):
        answered = metric.measure(causal, examples).diagnostics["answered"]
        assert [share < 1 for share in answered] == [each is example for each in examples]


def test_a_completion_depends_on_its_generator_alone(causal):
    row = causal.encode(Example("0", ("A dull film",)))
    with causal.active():
        together = sampled(causal, row, [torch.Generator().manual_seed(n) for n in range(3)], 6)
        alone = [sampled(causal, row, [torch.Generator().manual_seed(n)], 6)[0] for n in range(3)]
    assert together == alone
    assert len({tuple(ids) for ids in together}) == 3


def test_completions_follow_the_model_s_probabilities(causal):
    row = causal.encode(Example("0", ("A dull film",)))
    with causal.active(), torch.no_grad():
        first = [ids[:1] for ids in sampled(causal, row, [torch.Generator().manual_seed(n) for n in range(600)], 1)]
        ids = torch.tensor([row.ids.tolist()])
        chances = causal.network(ids, use_cache=False).logits[0, -1].softmax(-1)
    best = int(chances.argmax())
    share = np.mean([ids == [best] for ids in first])
    assert share == pytest.approx(chances[best].item(), abs=0.06)


# Trivial detectors


def test_perplexity_is_what_the_network_says_of_each_token(causal):
    examples = [Example("0", ("A dull film",)), Example("1", ("The plot is rather witty , and the ending charming",))]
    found = Perplexity().measure(causal, examples)
    for example, value in zip(examples, found, strict=True):
        ids = torch.tensor([causal.encode(example).ids.tolist()])
        with torch.no_grad():
            loss = causal.network(ids, labels=ids, use_cache=False).loss
        assert value == pytest.approx(loss.exp().item(), rel=1e-4)
    words = [causal.tokenizer(each.text, add_special_tokens=False)["input_ids"] for each in examples]
    assert PromptLength().measure(causal, examples).tolist() == list(map(len, words))


def test_what_stands_around_every_text_is_read_but_not_counted():
    model = TinyCausal(layers=2, width=16, heads=2, prompt="Judge kindly: {text}\nLabel:").load(LABELS, "cpu")
    examples = [Example("0", ("A dull film",)), Example("1", ("The plot is rather witty , and the ending charming",))]
    found, lengths = (metric.measure(model, examples) for metric in (Perplexity(), PromptLength()))
    for example, value, length in zip(examples, found, lengths, strict=True):
        row = model.encode(example)
        places = [place for place, feature in enumerate(row.feature_of) if feature >= 0]
        with torch.no_grad():
            told = model.network(torch.tensor([row.ids.tolist()]), use_cache=False).logits[0].log_softmax(-1)
        surprise = -np.mean([told[place - 1, row.ids[place]].item() for place in places])
        assert value == pytest.approx(np.exp(surprise), rel=1e-4)
        assert length == len(places) < len(row)


# Telling classes apart


@given(NUMBERS, NUMBERS)
def test_the_auc_is_the_share_of_pairs_in_order(first, second):
    wanted = np.mean([(one > two) + 0.5 * (one == two) for one in first for two in second])
    one, two = np.array(first, float), np.array(second, float)
    assert auc(one, two) == pytest.approx(wanted)
    assert auc(two, one) == pytest.approx(1 - wanted)


@given(NUMBERS, NUMBERS, some.sampled_from([0.0, 0.05, 0.3, 1.0]))
def test_the_rate_of_true_positives_is_the_best_of_all_thresholds(first, second, most):
    one, two = np.array(first, float), np.array(second, float)
    allowed = [at for at in np.arange(-1.5, 8) if np.mean(two > at) <= most]
    wanted = max(np.mean(one > at) for at in allowed)
    assert true_positive_rate(one, two, most) == pytest.approx(wanted)


def test_weights_count_how_often_a_text_was_drawn():
    rng = np.random.default_rng(0)
    one, two = rng.normal(0.5, 1, 7), rng.normal(0, 1, 5)
    mine, theirs = np.array([[2, 0, 1, 1, 0, 3, 0]]), np.array([[0, 1, 2, 1, 1]])
    repeated = one.repeat(mine[0]), two.repeat(theirs[0])
    weights = mine.astype(float), theirs.astype(float)
    assert auc(one, two, weights) == pytest.approx(auc(*repeated))
    assert true_positive_rate(one, two, 0.2, weights) == pytest.approx(true_positive_rate(*repeated, 0.2))


def test_only_prompts_of_like_length_are_compared():
    one, two = np.array([1.0, 5.0]), np.array([3.0, 0.0])
    among = like_lengths(np.array([10.0, 100.0]), np.array([101.0, 10.5]))
    assert among.tolist() == [[False, True], [True, False]]
    assert auc(one, two, among=among) == 1.0
    assert auc(one, two) == 0.75
    assert np.isnan(auc(one, two, among=np.zeros((2, 2), bool)))


def test_the_best_trivial_detector_may_look_the_other_way():
    one, two = np.arange(5.0), np.arange(5.0) + 10
    assert best_trivial({"length": (one, two), "noise": (one, one)}) == 1.0


def test_intervals_cover_the_true_auc():
    rng, covered = np.random.default_rng(1), 0
    true = 0.7602  # P(N(1, 1) > N(0, 1)) = Φ(1/√2)
    for _ in range(60):
        one, two = rng.normal(1, 1, 40), rng.normal(0, 1, 40)
        weights, sizes = draws_of_texts(40, 40, rng, paired=False, draws=300)
        told = estimate(auc(one, two, weights), sizes)
        covered += told.low <= true <= told.high
    assert covered >= 52  # of 60: 95 % are 57
    assert np.isnan(estimate(auc(one[:3], two[:3]), (3, 3)).low)


def test_a_detector_that_follows_the_length_is_no_better_than_it():
    rng = np.random.default_rng(2)
    ids = [f"{n}/{name}" for name in ("clean", "attacked") for n in range(30)]
    length = {text: 10.0 + 5 * ("attacked" in text) + rng.normal() for text in ids}
    values = {"tuco": {text: -length[text] for text in ids}, "prompt-length": length}
    means, plain, caught, above, matched, _ = detect("tuco", ids[:30], ids[30:], values)
    assert means[0] > means[1]
    assert plain.mean > 0.98
    assert caught.mean > 0.9
    assert above.mean == pytest.approx(0, abs=1e-12)
    assert matched is None or abs(matched.mean - plain.mean) < 1
    # texts that one detector lacks are compared by none
    del values["prompt-length"]["3/clean"]
    assert detect("tuco", ids[:30], ids[30:], values)[1].texts == 29


def test_among_prompts_of_like_length_a_detector_stands_beside_what_is_trivial_there():
    """The length tells some prompts apart, but none of those of like length, where the detector is still right."""
    ids = [f"{n}/{name}" for name in ("clean", "attacked") for n in range(20)]
    # half of each class is of 10 tokens; the others are of 20 (clean) and 40 (attacked)
    length = {text: 10.0 if place % 20 < 10 else 20.0 * (1 + place // 20) for place, text in enumerate(ids)}
    values = {"tuco": {text: 1.0 - place // 20 for place, text in enumerate(ids)}, "prompt-length": length}
    _, plain, _, above, matched, matched_above = detect("tuco", ids[:20], ids[20:], values)
    assert plain.mean == matched.mean == 1.0
    longer = (10 * 10 + 10 * 10 / 2) / 400  # pairs whose attacked prompt is shorter, ties half
    assert above.mean == pytest.approx(1.0 - (1 - longer))
    assert matched_above.mean == pytest.approx(0.5)
    del values["prompt-length"]
    values["perplexity"] = length
    assert detect("tuco", ids[:20], ids[20:], values)[4:] == (None, None)


# Steering


def test_alpha_is_chosen_on_other_texts_than_it_is_judged_on():
    alphas = np.array([0.0, 0.5, 1.0])
    correct = np.zeros((3, 10))
    correct[1] = 1  # α = 0.5 is always right
    right, best = cross_validated(alphas, correct)
    assert right.tolist() == [1.0] * 10
    assert best == (0.5,) * 5
    # right only on the fold that is left out: of no use
    correct = np.zeros((3, 10))
    correct[0, ::5] = 1
    right, best = cross_validated(alphas, correct)
    assert best[0] == 1.0
    assert right[::5].tolist() == [0.0, 0.0]


def test_of_equally_good_alphas_the_one_nearest_to_one_is_taken():
    assert cross_validated(np.array([0.5, 0.9, 1.25]), np.ones((3, 5)))[1] == (0.9,) * 5


def test_the_largest_fall_between_zero_and_one_is_none_where_accuracy_is_monotone():
    alphas = np.array([1.0, 0.5, 0.0, 2.0])
    assert largest_fall(alphas, np.array([0.5, 0.1, 0.1, 0.2])) == 0
    assert largest_fall(alphas, np.array([0.5, 0.6, 0.1, 0.7])) == pytest.approx(0.1)
    assert np.isnan(largest_fall(alphas[:2], np.array([0.1, 0.6])))


# From the store


def suite():
    tuned = Full(epochs=1)
    chains = (*(((tuned, Scaled(alpha=alpha))) for alpha in (0.0, 0.5, 1.0)), (tuned,))
    return Suite(
        "s",
        (
            Matrix(
                datasets=(TaskOrNot(pairs=10, train=10, validation=0),),
                models=(TinyCausal(layers=2, width=16, heads=2, prompt="{text}"),),
                methods=(TuCo(),),
                metrics=(Accuracy(), TuningContribution(), PromptLength()),
                quantizers=(NoQuantization(),),
                strategies=chains,
                explain=20,
            ),
        ),
    )


def test_curves_and_detectors_are_read_from_stored_measures(tmp_path):
    with Store(tmp_path) as store:
        for cell in cells_of(suite()):
            if cell.method is not None:
                continue
            step = cell.variant.chain[-1]
            alpha = step.alpha if isinstance(step, Scaled) else None
            by_name = {metric.name: digest for digest, metric in cell.judgements.items()}
            measures = []
            for place, example in enumerate(cell.variant.examples):
                task = example.id.endswith("task")
                right = float(place % 20 < 10 + 6 * (alpha or 0)) if task else None
                measures += [
                    Measure(by_name["accuracy"], example.id, "", right),
                    Measure(by_name["tuco"], example.id, "", 0.6 + place / 1000 if task else 0.3),
                    Measure(by_name["prompt-length"], example.id, "", 12.0),
                ]
            store.save(Record(cell.id, cell.specs, "ok", measures=tuple(measures)))
        for cell in cells_of(suite()):
            if cell.method is not None:
                store.save(
                    Record(cell.id, cell.specs, "ok", bundle=store.adopt(write_bundle(by_block(cell), store.spool)))
                )
        results = Results(suite(), store)
        found, shown = detections(results), profiles(results)
        (curve,) = steerings(results)
    assert len(found) == 4
    for each in found:
        assert (each.first, each.second, each.detector) == ("task", "other", "tuco")
        assert each.auc.mean == each.caught.mean == each.length_matched.mean == 1.0
        assert each.above_trivial.mean == each.matched_above_trivial.mean == 0.5
        assert each.auc.texts == 10
        said = answer(each)
        assert "with an AUC of 1.000; minus that of the best trivial detector: 0.500, among" in said.replace(
            " [1.000, 1.000]", ""
        ).replace(" [0.500, 0.500]", "")
    assert curve.alphas == (0.0, 0.5, 1.0)
    assert [each.mean for each in curve.accuracies] == [0.5, 0.7, 0.8]
    assert curve.fall == 0
    assert curve.best == (1.0,) * 5
    assert curve.gain.mean == 0
    (line, *_) = steering_figures.drawn(curve).axes[0].lines
    assert line.get_xydata().tolist() == [[0.0, 0.5], [0.5, 0.7], [1.0, 0.8]]
    assert len(shown) == 4
    assert shown[0].kinds() == {"pre-training": [0, 1], "fine-tuning": [2, 3]}
    assert {name: means.tolist() for name, means in shown[0].means.items()} == {
        "task": [1.0, 1.0, 2.0, 2.0],
        "other": [0.5, 0.5, 1.0, 1.0],
    }
    contributions = Contributions(tuple(found), (curve,), tuple(shown))
    text = rendered([section_of(contributions)])
    assert "task > other, tuco" in text
    assert "Between 0 and 1, accuracy falls nowhere." in text
    markdown = rendered([section_of(contributions)], "markdown")
    assert "| AUC − best trivial, like lengths |" in " ".join(markdown.split())
    assert "fine-tuning, other |" in markdown
    assert "\\caption{" in rendered([section_of(contributions)], "latex")
    plain = json.loads(json.dumps(as_json(contributions), allow_nan=False))
    assert plain["detections"][0]["auc"]["mean"] == found[0].auc.mean
    assert plain["profiles"][0]["means"]["task"]["block 1 · fine-tuning"] == 2.0
    assert plain["steerings"][0]["alphas"] == list(curve.alphas)
    assert len(drawn(shown[0]).axes) == 2


def by_block(cell):
    """Twice as much from fine-tuning as from pre-training, and half as much of both in other texts."""
    names = [f"block {place} · {what}" for what in ("pre-training", "fine-tuning") for place in (1, 2)]
    features = tuple(Feature(name, -1, 0, 0) for name in names)
    scores = np.array([1, 1, 2, 2], np.float32)
    return [
        Attribution(each, features, scores * (1.0 if each.id.endswith("task") else 0.5), Target((0,)), "negative")
        for each in cell.variant.examples
    ]


def test_a_pair_may_be_of_any_two_classes(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"chat": "How are you?", "web": "The river rises."}\n')
    made = PromptPairs(path=str(path), prompt="chat", attacked="web", classes=("chat", "web")).load().test
    assert classes_of(made) == {"chat": ["0/chat"], "web": ["0/web"]}
    with pytest.raises(ValueError, match="two names"):
        PromptPairs(attacked="swahili", classes=("one", "one"))
