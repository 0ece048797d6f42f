"""Prompts: the text is found by offsets, pairs fill two slots, and something is always left to continue from."""

import numpy as np
import pytest
from attrimark_plugins.models.tiny import TinyCausal, TinyWriter
from attrimark_registry import AttrimarkError, Example, PromptClassifier, Unsupported, Writer

LABELS = ("negative", "positive")


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


@pytest.mark.parametrize(
    ("written", "label"),
    [(" positive", "positive"), ("'Negative'.", "negative"), ("It is quite positive", "positive"),
     ("neutral", None), ("one two three four five positive", None), ("positively", None), ("", None)],
)  # fmt: skip
def test_an_answer_is_parsed_by_its_first_words(tiny, written, label):
    assert tiny.parse(written) == label


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
