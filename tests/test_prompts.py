"""Prompts: the text is found by offsets, pairs fill two slots, and something is always left to continue from."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from attrimark.run.attribute import attribute
from attrimark.run.measure import measure_model
from attrimark.run.prepare import prepare
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.metrics.accuracy import Accuracy
from attrimark_plugins.metrics.average_precision import AveragePrecision
from attrimark_plugins.metrics.parse_rate import ParseRate
from attrimark_plugins.models.tiny import TinyCausal, TinyWriter
from attrimark_registry import AttrimarkError, Example, PromptClassifier, Span, Splits, Unsupported, Writer
from attrimark_registry.greedy import greedy, limits_of

LABELS = ("negative", "positive")
EXAMPLE = Example("film", ("a good film",), "positive")


@pytest.fixture
def tiny():
    return TinyCausal().load(LABELS, "cpu")


def test_a_pair_fills_two_slots(tiny):
    model = PromptClassifier(tiny.network, tiny.tokenizer, LABELS, "First: {text} Second: {text2} Same?")
    row = model.encode(Example("pair", ("a good film", "a bad one")))
    assert [feature.segment for feature in row.features] == [0, 0, 0, 1, 1, 1]
    assert set(row.feature_of) == {-1, 0, 1, 2, 3, 4, 5}
    with pytest.raises(Unsupported, match="1 segments for 2 slots"):
        model.encode(Example("single", ("alone",)))


@pytest.mark.parametrize("prompt", ["no slot", "{text} and {text}", "{text2} before {text}"])
def test_a_prompt_without_its_slot_is_refused(tiny, prompt):
    with pytest.raises(AttrimarkError, match="exactly once"):
        PromptClassifier(tiny.network, tiny.tokenizer, LABELS, prompt)


def test_answers_of_which_one_begins_the_other_are_refused(tiny):
    with pytest.raises(AttrimarkError, match="cannot be told apart"):
        PromptClassifier(
            tiny.network, tiny.tokenizer, LABELS, "{text}:", answers={"negative": " good", "positive": " good film"}
        )


def test_a_chat_template_that_is_missing_is_refused(tiny):
    with pytest.raises(AttrimarkError, match="no chat template"):
        PromptClassifier(tiny.network, tiny.tokenizer, LABELS, "{text}:", chat=True)


@pytest.mark.parametrize(
    ("one", "other"), [(" Yes", " yes"), (" yes", "yes "), (" not  bad", " Not bad"), ("yes", "YES\n")]
)
def test_answers_that_differ_in_case_and_white_space_alone_are_refused(tiny, one, other):
    """Read from what was written, the second one could never be found."""
    with pytest.raises(AttrimarkError, match=r"'negative' and 'positive' cannot be told apart.*give other answers"):
        PromptClassifier(tiny.network, tiny.tokenizer, LABELS, "{text}:", answers={"negative": one, "positive": other})


@pytest.mark.parametrize("empty", ["", " ", "\n\t"])
def test_an_answer_of_nothing_is_refused(tiny, empty):
    with pytest.raises(AttrimarkError, match=r"the answer for 'positive' is empty.*give it a word"):
        PromptClassifier(
            tiny.network, tiny.tokenizer, LABELS, "{text}:", answers={"negative": " bad", "positive": empty}
        )


TURNS = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] | trim }}\n{% endfor %}assistant:"
NO_SYSTEM_ROLE = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No such role') }}{% endif %}" + TURNS
SILENT = "{% for m in messages if m['role'] == 'user' %}user: {{ m['content'] }}{% endfor %}"


def test_a_system_turn_stands_before_the_prompt(tiny):
    tiny.tokenizer.chat_template = TURNS
    for make in (partial(PromptClassifier, labels=LABELS), Writer):
        model = make(tiny.network, tiny.tokenizer, prompt="Judge: {text}!", chat=True, system=" Be kind.\n")
        assert model.prompt.pieces == ("system: Be kind.\nuser: Judge: ", "!\nassistant:")
        assert model.tokenizer.decode(model.encode(EXAMPLE).ids).startswith("system: Be kind.")
    model = whole(tiny, chat=True, system="Be kind.")
    assert "kind." not in [feature.text for feature in model.encode(EXAMPLE).features]


@pytest.mark.parametrize("template", [NO_SYSTEM_ROLE, SILENT])
def test_a_template_that_takes_no_system_turn_says_what_to_do(tiny, template):
    tiny.tokenizer.chat_template = template
    PromptClassifier(tiny.network, tiny.tokenizer, LABELS, "{text}", chat=True)
    with pytest.raises(AttrimarkError, match="no system turn: put its words at the beginning of the prompt"):
        PromptClassifier(tiny.network, tiny.tokenizer, LABELS, "{text}", chat=True, system="Be kind.")


def test_a_system_turn_needs_a_template(tiny):
    with pytest.raises(AttrimarkError, match="set chat = true"):
        Writer(tiny.network, tiny.tokenizer, "{text}", system="Be kind.")


def test_a_chat_template_keeps_the_text_in_its_place(tiny):
    tiny.tokenizer.chat_template = "{% for m in messages %}USER {{ m['content'] }} END{% endfor %} BOT"
    model = PromptClassifier(tiny.network, tiny.tokenizer, LABELS, "Judge: {text}!", chat=True)
    row = model.encode(Example("chat", ("a good film",)))
    kept = model.remove(row, np.zeros(3, dtype=bool), "delete")
    assert "USER Judge:" in model.tokenizer.decode(row.ids)
    assert "good" not in model.tokenizer.decode(kept.ids)
    assert "END BOT" in model.tokenizer.decode(kept.ids)


@pytest.mark.parametrize("shape", ["llama", "mistral", "gpt2"])
def test_an_empty_text_still_has_a_value(shape):
    tiny = TinyCausal(shape=shape).load(LABELS, "cpu")
    model = PromptClassifier(tiny.network, tiny.tokenizer, LABELS, "{text}")
    row = model.encode(Example("bare", ("a good film",)))
    empty = model.remove(row, np.zeros(3, dtype=bool), "delete")
    assert len(empty) >= 1
    alone, together = (model.outputs(model.collate(rows))[0] for rows in ([empty], [empty, row]))
    np.testing.assert_allclose(alone.detach(), together.detach(), atol=1e-5)


def test_labels_of_which_one_begins_the_other_are_refused_until_their_answers_differ(tiny):
    labels = ("good", "good film")
    with pytest.raises(AttrimarkError, match="'good' and 'good film' cannot be told apart"):
        PromptClassifier(tiny.network, tiny.tokenizer, labels, "{text}:")
    answers = {"good": " yes", "good film": " no"}
    PromptClassifier(tiny.network, tiny.tokenizer, labels, "{text}:", answers=answers)


@pytest.mark.parametrize(
    ("written", "label"),
    [(" positive", "positive"), ("'Negative'.", "negative"), ("It is quite positive", "positive"),
     ("neutral", None), ("one two three four five positive", None), ("positively", None), ("", None)],
)  # fmt: skip
def test_an_answer_is_parsed_by_its_first_words(tiny, written, label):
    assert tiny.parse(written) == label


@pytest.mark.parametrize(
    ("written", "label"),
    [(" 1", "positive"), ("-1.", "negative"), ("positive", None), ("10", None), ("so good!", "fine")],
)
def test_an_answer_is_parsed_as_what_stands_for_the_label(tiny, written, label):
    answers = {"negative": " -1", "positive": " 1", "fine": " so good!"}
    model = PromptClassifier(tiny.network, tiny.tokenizer, (*LABELS, "fine"), "{text}:", answers=answers)
    assert model.parse(written) == label


def test_of_two_answers_at_one_place_the_longer_one_was_written(tiny):
    labels = ("not bad", "not bad at all", "bad")
    answers = {"not bad": " not bad.", "not bad at all": " not bad at all", "bad": " bad"}
    model = PromptClassifier(tiny.network, tiny.tokenizer, labels, "{text}:", answers=answers)
    assert model.parse("not bad at all") == "not bad at all"
    assert model.parse("not bad. At") == "not bad"
    assert model.parse("bad") == "bad"


def test_answers_that_never_parse_are_wrong_and_counted():
    """A random network writes no label, however it decides between them."""
    model = TinyCausal().load(LABELS, "cpu")
    examples = [Example(str(place), (text,), "positive") for place, text in enumerate(("a good film", "dull"))]
    with model.active():
        prepared = prepare(model, examples, "predicted", "word")
        rate, right, decided = (
            [each.value for each in measure_model(prepared, metric, Splits(LABELS, test=tuple(examples)))]
            for metric in (ParseRate(), Accuracy(answer="generated"), Accuracy())
        )
    assert rate == right == [0.0, 0.0]
    assert decided == [float(row.target.chosen == (1,)) for row in prepared.rows]


@pytest.mark.parametrize("shape", ["llama", "mistral", "gpt2"])
def test_special_tokens_in_a_text_are_features_and_told(shape):
    model = TinyCausal(shape=shape).load(LABELS, "cpu")
    end = model.tokenizer.eos_token
    row = model.encode(Example("special", (f"{end} {end}",)))
    assert "special-tokens" in row.flags
    assert [feature.text for feature in row.features] == [end, end]
    assert [row.feature_of[place] for place in np.flatnonzero(row.ids == model.tokenizer.eos_token_id)] == [0, 1]
    assert "special-tokens" not in model.encode(Example("plain", ("a good film 🎬",))).flags
    with model.active():
        made = attribute(prepare(model, [row.example], "predicted", "word"), LeaveOneOut())
    assert np.isfinite(made.explained[0].scores).all()


@pytest.mark.parametrize("source", [TinyCausal(positions=32), TinyWriter(positions=32)], ids=lambda source: source.name)
def test_a_text_too_long_is_left_out_with_its_length(source):
    model = source.load(LABELS, "cpu")
    texts = [Example("long", ("a good film " * 9,)), Example("short", ("dull",))]
    with model.active():
        prepared = prepare(model, texts, "predicted", "word")
    assert [row.example.id for row in prepared.rows] == ["short"]
    assert "tokens and the model takes 32: shorten or split it" in prepared.left_out["long"]


def test_the_answer_must_fit_too(tiny):
    row = tiny.encode(Example("fits", ("a good film",)))
    answer = max(len(tail) for tail in tiny.tails(row)) + 1
    exact = TinyCausal(positions=len(row) + answer).load(LABELS, "cpu")
    assert len(exact.encode(row.example)) == len(row)
    with pytest.raises(Unsupported, match=f"has {len(row) + answer} tokens and the model takes"):
        TinyCausal(positions=len(row) + answer - 1).load(LABELS, "cpu").encode(row.example)


# Writing, as far as there is room


@pytest.mark.parametrize("shape", ["llama", "mistral", "gpt2"])
def test_a_row_is_continued_as_far_as_the_network_takes_and_no_further(shape):
    """GPT-2 has a table of its positions, and nothing to look up beyond its end."""
    longest = 40
    model = TinyCausal(shape=shape, positions=longest, prompt="{text}").load(LABELS, "cpu")
    model.tokenizer.eos_token = None  # nothing ends a continuation early
    roomy = TinyCausal(shape=shape, positions=128, prompt="{text}").load(LABELS, "cpu")
    short, near = (model.encode(Example(text, (text,))) for text in ("dull", near_the_limit(model)))
    assert len(near) > longest - 16 > len(short)
    written = continued(model, [short, near])
    assert [len(ids) for ids in written] == [16, longest - len(near)]
    assert [continued(model, [row])[0] for row in (short, near)] == written
    if shape != "gpt2":  # the others compute positions, so that the same weights write on where there is room
        roomy.tokenizer.eos_token = None
        assert written[1] == continued(roomy, [near])[0][: longest - len(near)]


def continued(model, rows):
    return greedy(model, rows, limits_of(model, rows, 16), cached=False)


def near_the_limit(model):
    """The longest text of one word over and over that leaves room for an answer."""
    texts = [" ".join(["good"] * count) for count in range(1, model.longest)]
    return [text for text in texts if fits(model, text)][-1]


def fits(model, text):
    try:
        model.encode(Example("", (text,)))
    except Unsupported:
        return False
    return True


@pytest.mark.parametrize("metric", [ParseRate(), Accuracy(answer="generated")], ids=lambda metric: metric.name)
def test_a_text_near_the_limit_is_measured_with_the_others(metric):
    model = TinyCausal(shape="gpt2", positions=40, prompt="{text}").load(LABELS, "cpu")
    examples = [Example(text, (text,), "positive") for text in ("dull", near_the_limit(model), "a good film")]
    with model.active():
        assert np.isfinite(metric.measure(model, examples)).all()


def test_a_writer_asked_for_more_than_there_is_room_for_writes_what_fits():
    model = TinyWriter(shape="gpt2", positions=40).load((), "cpu")
    model.tokenizer.eos_token = None
    row = model.encode(EXAMPLE)
    with model.active():
        assert len(greedy(model, [row], limits_of(model, [row], 1000), cached=False)[0]) == 40 - len(row)
        assert len(model.generate([row], 1000)) == 1


@pytest.mark.parametrize("stops", [False, True])
def test_rows_of_one_batch_end_where_they_end_alone(stops):
    """The continuation of each, against the plain loop over its own ids."""
    model = TinyCausal(shape="gpt2", prompt="{text}").load(LABELS, "cpu")
    rows = [model.encode(Example(text, (text,))) for text in ("dull", "a good film", "the plot is rather witty")]
    limits = [0, 9, 5]
    # the token that one row writes third ends it, and maybe others
    stop = slowly(model, rows[1], 9, None)[2] if stops else None
    model.tokenizer.eos_token = model.tokenizer.convert_ids_to_tokens(stop) if stops else None
    assert greedy(model, rows, limits, cached=False) == [
        slowly(model, row, limit, stop) for row, limit in zip(rows, limits, strict=True)
    ]


def slowly(model, row, most, stop):
    ids = row.ids.tolist()
    with torch.no_grad():
        for _ in range(most):
            best = int(model.network(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
            if best == stop:
                break
            ids.append(best)
    return ids[len(row) :]


# The whole prompt as features

PROMPT = "Is this film good? {text}. Say so:"
RATED = Example("rated", ("a good film",), "positive", spans=(Span(0, 2, 6, "rationale"),))


def whole(tiny, prompt=PROMPT, **options):
    return PromptClassifier(tiny.network, tiny.tokenizer, LABELS, prompt, features="prompt", **options)


@pytest.mark.parametrize("shape", ["llama", "mistral", "gpt2"])
def test_the_whole_prompt_is_the_same_row_with_more_features(shape):
    tiny = TinyCausal(shape=shape, prompt=PROMPT).load(LABELS, "cpu")
    row, narrow = whole(tiny).encode(RATED), tiny.encode(RATED)
    assert list(row.ids[-len(narrow) :]) == list(narrow.ids)
    assert " ".join(feature.text for feature in row.features) == "Is this film good? a good film. Say so:"
    assert len(row) - len(narrow) == ("begin-token-added" in row.flags)
    protected = np.flatnonzero(row.feature_of < 0)
    assert list(protected) == [0]  # the token that begins the text
    assert row.example.label == RATED.label


def test_what_is_known_of_the_text_moves_with_it(tiny):
    model = whole(tiny)
    example = model.encode(RATED).example
    (text,) = example.segments
    assert [(text[span.start : span.end], span.kind) for span in example.spans] == [
        ("good", "rationale"),
        ("a good film", "text"),
    ]
    with model.active():
        (made,) = attribute(prepare(model, [RATED], "predicted", "word"), LeaveOneOut()).explained
    best = replace(made, scores=np.array([feature.text == "good" for feature in made.features], dtype=np.float32))
    assert AveragePrecision().compare(best, best.example) == 1.0


def test_a_pair_is_written_out_with_the_spans_of_both(tiny):
    model = whole(tiny, "{text} so {text2}?")
    spans = (Span(0, 3, 8, "rationale"), Span(1, 6, 9, "rationale"))
    example = model.encode(Example("pair", ("It rains", "It is wet"), spans=spans)).example
    assert example.segments == ("It rains so It is wet?",)
    found = [example.segments[0][span.start : span.end] for span in example.spans]
    assert found == ["rains", "wet", "It rains", "It is wet"]
    with pytest.raises(Unsupported, match="1 segments for 2 slots"):
        model.encode(Example("single", ("alone",)))


def test_a_prompt_is_filled_once(tiny):
    """Metrics of the model alone encode the examples of its rows once more."""
    model = whole(tiny)
    row = model.encode(RATED)
    again = model.encode(row.example)
    assert again.example is row.example
    assert list(again.ids) == list(row.ids)


def test_an_empty_text_is_refused_in_a_prompt_too(tiny):
    with pytest.raises(Unsupported, match="the text is empty"):
        whole(tiny).encode(Example("empty", (" ",)))


def test_a_chat_template_is_no_feature(tiny):
    tiny.tokenizer.chat_template = "{% for m in messages %}USER {{ m['content'] }} END{% endfor %} BOT"
    model = whole(tiny, chat=True)
    row = model.encode(RATED)
    kept = model.remove(row, np.zeros(len(row.features), dtype=bool), "delete")
    assert model.tokenizer.decode(kept.ids).split() == ["USER", "END", "BOT"]
    assert list(row.ids) == list(PromptClassifier(tiny.network, tiny.tokenizer, LABELS, PROMPT, True).encode(RATED).ids)


def test_both_choices_of_features_decide_alike(tiny):
    narrow, wide = (TinyCausal(prompt=PROMPT, features=each).load(LABELS, "cpu") for each in ("text", "prompt"))
    values = []
    for model in (narrow, wide):
        with model.active(), torch.no_grad():
            values.append(model.outputs(model.collate([model.encode(RATED)])))
    torch.testing.assert_close(*values)


def test_a_writer_explains_what_it_writes():
    model = TinyWriter().load(LABELS, "cpu")
    assert isinstance(model, Writer)
    with model.active():
        (row,) = model.decide([model.encode(Example("text", ("a good film",)))])
        outputs = model.outputs(model.collate([row]))
    assert outputs.shape == (1, len(row.target.ids))
    total = model.value(outputs, [row.target], "log-probability")
    assert float(total) == pytest.approx(float(outputs.sum()))
    with pytest.raises(Unsupported, match="no decision"):
        model.value(outputs, [row.target], "decision")
