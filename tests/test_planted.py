"""The planted data: one word decides, and it is known which."""

from __future__ import annotations

from collections import Counter

import pytest
from attrimark_plugins.datasets.planted import VOCABULARIES, Planted, corpus, swapped

LANGUAGES = tuple(VOCABULARIES)


@pytest.fixture(scope="module", params=LANGUAGES)
def planted(request):
    return Planted(language=request.param, train=400, validation=80, test=80)


@pytest.fixture(scope="module")
def splits(planted):
    return planted.load()


def words_of(example, kind):
    return [example.segments[span.segment][span.start : span.end] for span in example.spans if span.kind == kind]


def every(splits):
    return [*splits.train, *splits.validation, *splits.test]


def test_the_cue_alone_decides_the_label(planted, splits):
    vocabulary = VOCABULARIES[planted.language]
    known = {word: label for label, words in zip(vocabulary.labels, vocabulary.cues, strict=True) for word in words}
    for example in every(splits):
        (cue,) = words_of(example, "cue")
        assert known[cue.lower()] == example.label
        present = [word for word in known if word in example.text.lower().split() or word == cue.lower()]
        assert present == [cue.lower()]


def test_the_rationale_is_the_cue(splits):
    for example in every(splits):
        assert words_of(example, "rationale") == words_of(example, "cue")
        assert [span.weight for span in example.spans if span.kind == "rationale"] == [1.0]


def test_a_distractor_says_nothing_of_the_label(planted, splits):
    distractors = VOCABULARIES[planted.language].distractors
    counts = Counter()
    for example in splits.train:
        (word,) = words_of(example, "distractor")
        counts[example.label, word.lower() in distractors[0]] += 1
    assert set(counts.values()) == {len(splits.train) // 4}


def test_fillers_hold_no_planted_word():
    for vocabulary in VOCABULARIES.values():
        planted = [word for sets in (vocabulary.cues, vocabulary.distractors) for words in sets for word in words]
        fillers = [word for words in vocabulary.fillers.values() for word in words]
        assert len(planted) == len(set(planted))
        assert len(set(fillers)) >= 60
        assert not set(planted) & set(fillers)
        assert not any(word in clause.split() for clause in vocabulary.cue_clauses for word in planted)


def test_texts_are_unique_and_splits_disjoint(splits):
    texts = [example.text for example in every(splits)]
    ids = [example.id for example in every(splits)]
    assert len(set(texts)) == len(set(ids)) == len(texts) == 560


def test_texts_have_six_to_sixteen_words_and_the_cue_moves_about(splits):
    places = Counter()
    for example in splits.train:
        assert 6 <= len(example.text.split()) <= 16
        (cue,) = (span for span in example.spans if span.kind == "cue")
        places[len(example.text[: cue.start].split())] += 1
    assert len(places) >= 6


def test_punctuation_is_glued_to_some_cues(splits):
    glued = [
        example
        for example in splits.train
        for span in example.spans
        if span.kind == "cue" and example.text[span.end : span.end + 1].strip()
    ]
    assert 0 < len(glued) < len(splits.train)


def test_the_same_seed_gives_the_same_data_and_another_seed_other_data(planted, splits):
    assert planted.load() == splits
    other = planted.model_copy(update={"seed": 1}).load()
    assert {example.text for example in other.train} != {example.text for example in splits.train}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_cue_design_has_no_distractor(language):
    vocabulary = VOCABULARIES[language]
    for example in Planted(language=language, design="cue", train=100, validation=0, test=0).load().train:
        assert [span.kind for span in example.spans] == ["rationale", "cue"]
        assert not any(word in example.text.lower() for words in vocabulary.distractors for word in words)
        assert swapped(example, "distractor") is None


def test_swapping_the_cue_flips_the_label_and_nothing_else(splits):
    for example in splits.test:
        other = swapped(example, "cue")
        assert other is not None
        assert {example.label, other.label} == set(splits.labels)
        assert words_of(other, "cue") == words_of(other, "rationale") != words_of(example, "cue")
        assert words_of(other, "distractor") == words_of(example, "distractor")


def test_swapping_the_distractor_keeps_the_label(splits):
    for example in splits.test:
        other = swapped(example, "distractor")
        assert other is not None
        assert other.label == example.label
        assert words_of(other, "cue") == words_of(example, "cue")
        assert words_of(other, "distractor") != words_of(example, "distractor")


@pytest.mark.parametrize("kind", ["cue", "distractor"])
def test_swapping_twice_gives_the_text_back(splits, kind):
    for example in splits.test:
        back = swapped(swapped(example, kind), kind)
        assert (back.segments, back.label, back.spans) == (example.segments, example.label, example.spans)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_corpus_depends_on_its_seed_alone(language):
    assert corpus(language, 3) == corpus(language, 3) != corpus(language, 4)
