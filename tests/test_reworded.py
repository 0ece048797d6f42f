"""Where nothing is trained, a seed is a wording of the prompt."""

import numpy as np
import pytest
from attrimark.run.attribute import attribute
from attrimark.run.prepare import prepare
from attrimark.suite.matrix import variants_of
from attrimark.suite.suite import Matrix
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.metrics.accuracy import Accuracy
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_plugins.quantizers.none import NoQuantization
from attrimark_plugins.strategies.reworded import SENTIMENT_PARAPHRASES, Reworded
from attrimark_registry import AttrimarkError, Example, Unsupported

LABELS = ("negative", "positive")
WORDS = ({"negative": " dull", "positive": " film"}, {"negative": " sad", "positive": " good"})
REWORDED = Reworded(prompts=("It is said: {text} So it was", "{text} All in all"), answers=WORDS)


@pytest.fixture(scope="module")
def model():
    return TinyCausal().load(LABELS, "cpu")


def test_a_seed_is_a_prompt_with_answers_and_the_first_prompts_come_first(model):
    asked = REWORDED.fine_tune(model, (), range(4))
    assert [each.answers for each in asked] == [WORDS[0], WORDS[0], WORDS[1], WORDS[1]]
    text = Example("text", ("a good film",))
    written = [model.tokenizer.decode(each.encode(text).ids, skip_special_tokens=True) for each in asked]
    assert written[0] == written[2] != written[1] == written[3]
    assert "It is said" in written[0].replace("Ġ", " ")


def test_every_wording_is_asked_of_the_same_network_and_the_model_is_left_as_found(model):
    answers, prompt = dict(model.answers), model.prompt
    asked = Reworded().fine_tune(model, (), range(len(SENTIMENT_PARAPHRASES)))
    assert {id(each.network) for each in asked} == {id(model.network)}
    assert all(each.answers == answers for each in asked)
    assert (model.answers, model.prompt) == (answers, prompt)


def test_a_wording_gives_what_a_model_loaded_with_it_gives(model):
    texts = [Example("0", ("a good film",)), Example("1", ("a film so dull it hurts",))]
    (reworded,) = REWORDED.fine_tune(model, (), [2])
    loaded = TinyCausal(prompt=REWORDED.prompts[0], answers=WORDS[1]).load(LABELS, "cpu")
    scores = []
    for each in (reworded, loaded):
        with each.active():
            made = attribute(prepare(each, texts, "predicted", "word"), LeaveOneOut()).explained
            scores.append(np.concatenate([one.scores for one in made]))
    np.testing.assert_allclose(*scores, atol=1e-5)


def test_there_are_as_many_seeds_as_wordings(model):
    with pytest.raises(AttrimarkError, match="seed 4 has no wording: there are 4"):
        REWORDED.fine_tune(model, (), [4])


def test_what_is_asked_in_no_prompt_cannot_be_reworded():
    with pytest.raises(Unsupported, match="no prompt"):
        Reworded().fine_tune(TinyEncoder().load(LABELS, "cpu"), (), [0])


def test_a_prompt_without_its_slot_is_refused(model):
    with pytest.raises(AttrimarkError, match="text"):
        Reworded(prompts=("no slot",)).fine_tune(model, (), [0])


def test_a_matrix_has_a_variant_for_each_wording_and_trains_none():
    matrix = Matrix(
        datasets=(Planted(test=4),),
        models=(TinyCausal(),),
        strategies=((Reworded(),),),
        methods=(LeaveOneOut(),),
        metrics=(Accuracy(),),
        quantizers=(NoQuantization(),),
        explain=4,
        seeds=(0, 1, 2),
    )
    variants = list(variants_of(matrix))
    assert [each.seed for each in variants] == [0, 1, 2]
    assert len({str(each.parts["seed"]) for each in variants}) == 3
    assert not any(each.trains or each.training for each in variants)
