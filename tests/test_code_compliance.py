"""Clauses and rules: what decides what is known, categories are told alike twice, and shares of them are shares."""

import json
import re

import numpy as np
import pytest
from attrimark.results.bundle import read_bundle, write_bundle
from attrimark.run.attribute import attribute
from attrimark.run.prepare import prepare
from attrimark_plugins.datasets.code_compliance import CodeCompliance, example_of, restatements
from attrimark_plugins.datasets.shared.regulation_vocabulary import BASIC, FAMILIES
from attrimark_plugins.datasets.shared.regulations import Requirement, clause_of, first
from attrimark_plugins.datasets.shared.word_categories import CATEGORIES, categories_of, word_categories
from attrimark_plugins.datasets.text_file import TextFile
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.random import Random
from attrimark_plugins.metrics.category_lift import CategoryLift
from attrimark_plugins.metrics.category_share import CategoryShare
from attrimark_plugins.metrics.evidence_lift import EvidenceLift
from attrimark_plugins.models.hub_writer import HubWriter
from attrimark_plugins.models.rule_writer_tiny import RuleWriterTiny
from attrimark_plugins.models.tiny import TinyWriter
from attrimark_plugins.strategies.full import Full
from attrimark_plugins.strategies.shared.training import gold_rows
from attrimark_registry import Attribution, AttrimarkError, Example, Span, Target, features_of
from attrimark_registry.text import with_parents

from tests.references.tiers import tiered

RULE = re.compile(
    r"rule (?P<identifier>\d\.\d\d): (?P<demand>[a-z ]+ of [a-z]+(?: to [a-z]+)?"
    r"(?: is (?:not )?provided| (?P<comparison>[<>]=) (?P<number>[\d.]+)(?: \S+)?))"
    r"(?P<condition> if [a-z ]+ of building [<>] \d+(?: \S+)?)?(?P<exception> unless building is [a-z]+)?"
)


def every(splits):
    return [*splits.train, *splits.validation, *splits.test]


def deciding(example):
    """For each character run of the rule that something decides, what does."""
    found = {}
    for span in example.spans:
        if span.kind == "rationale":
            found.setdefault(span.decides, []).append(example.text[span.start : span.end])
    return found


@pytest.fixture(scope="module")
def splits():
    return CodeCompliance(train=600, validation=100, test=100).load()


# The dataset


def test_every_rule_is_one_of_the_rule_language(splits):
    for example in every(splits):
        assert RULE.fullmatch(example.reference), example.reference


def test_no_clause_stands_twice(splits):
    texts = [example.text for example in every(splits)]
    assert len(set(texts)) == len(texts) == 800


@pytest.mark.long
def test_a_seed_decides_everything(splits):
    assert CodeCompliance(train=600, validation=100, test=100).load() == splits
    assert CodeCompliance(train=600, validation=100, test=100, seed=1).load().test != splits.test


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_all_there_is_when_it_is_the_only_one(family):
    for example in CodeCompliance(families=[family], train=30, validation=0, test=0).load().train:
        rule = RULE.fullmatch(example.reference)
        assert bool(rule["condition"]) == (family == "conditional")
        assert bool(rule["exception"]) == (family == "exception")
        assert family in ("conditional", "exception") or (rule["comparison"] is None) == (family == "provision")


def test_what_decides_an_identifier_number_or_unit_says_the_same(splits):
    for example in every(splits):
        for place, words in deciding(example).items():
            decided = example.reference[slice(*place)]
            if re.fullmatch(r"[\d.]+|mm|m|m2|%|°|minutes|hours", decided):
                assert words == [decided]


def test_every_part_of_a_rule_that_differs_between_rules_is_decided_by_the_clause(splits):
    fixed = {"rule", ":", "of", "to", "is", "if", "building", "provided"}
    for example in every(splits):
        left = list(example.reference)
        for start, end in deciding(example):
            left[start:end] = " " * (end - start)
        rest = "".join(left).replace(":", " : ").split()
        assert set(rest) <= fixed


def test_a_comparator_decides_the_comparison(splits):
    lower = {"at least", "not less than", "no less than", "no fewer than", "not be less than", "minimum", ">="}
    upper = {"at most", "not more than", "no more than", "not exceed", "maximum", "<="}
    seen = set()
    for example in every(splits):
        for place, words in deciding(example).items():
            if (comparison := example.reference[slice(*place)]) in (">=", "<="):
                (word,) = (each.lower() for each in words)
                seen.add(word)
                assert word in (lower if comparison == ">=" else upper)
    assert seen == lower | upper


def test_remarks_hold_numbers_and_identifiers_that_decide_nothing(splits):
    idle = {"number": 0, "identifier": 0}
    for example in splits.train:
        rationale = [(span.start, span.end) for span in example.spans if span.kind == "rationale"]
        for span in example.spans:
            if span.kind in idle and (span.start, span.end) not in rationale:
                idle[span.kind] += 1
    assert min(idle.values()) > 100
    for example in CodeCompliance(train=100, distractors=0, validation=0, test=0).load().train:
        assert {example.text[each.start : each.end] for each in example.spans if each.kind == "number"} <= {
            word for words in deciding(example).values() for word in words
        }


def test_clauses_of_one_requirement_have_one_rule():
    asked = Requirement("dimension", "4.21", "door", "clear width", comparison=">=", number="0.9", unit="m")
    plain = example_of("plain", asked, clause_of(asked, first, 0))
    assert plain.text == "Clause 4.21: The clear width of a door shall be at least 0.9 m."
    assert plain.reference == "rule 4.21: clear width of door >= 0.9 m"
    last = example_of("last", asked, clause_of(asked, lambda options: options[-1], 0))
    assert last.text != plain.text
    assert last.reference == plain.reference


def test_texts_to_learn_the_language_from_hold_no_rule():
    for text in restatements(100, 3):
        clause, plain = text.split("\n")
        assert plain.startswith("Clause ")
        assert clause
        assert "rule" not in text
        assert not re.search("[<>]", plain)


def test_what_a_span_decides_survives_in_a_bundle(splits, tmp_path):
    example = splits.test[0]
    stored = explained(example, np.ones(len(example.text.split())))
    (back,) = read_bundle(write_bundle([stored], tmp_path))
    assert back.example == example
    assert "decides" not in Example("1", ("a",), spans=(Span(0, 0, 1, "cue"),)).plain["spans"][0]


# Categories


@pytest.mark.parametrize("seed", tiered(range(5), (0).__eq__))
def test_patterns_tell_the_categories_that_words_were_made_with(seed):
    for example in every(CodeCompliance(train=300, validation=0, test=100, seed=seed).load()):
        assert word_categories(example.text) == categories_of(features_of(example.segments, "word"), example)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1.5 m", "number number"),
        ("1.5m, not 1.5", "number function identifier"),
        ("Table 7.3 (b) 4.2.1a Appendix B", "identifier identifier identifier identifier identifier identifier"),
        ("part of the rule that", "content function function content function"),
        ("4.2.1 minutes", "identifier content"),
        ("12 exits in 2015.", "number content function number"),
        ("shall not exceed 8 %", "function comparator comparator number number"),
        ("No Fewer Than 2", "comparator comparator comparator number"),
        ("a minimum of 30 minutes", "function comparator function number number"),
        ("— 🚪", "function function"),
        ("", ""),
    ],
)
def test_categories_of_words(text, wanted):
    assert " ".join(word_categories(text)) == wanted


def test_tokens_have_the_category_of_their_word_and_sentences_that_of_most_characters():
    example = Example("1", ("At least 900 mm wide.",))
    tokens = tuple(
        with_parents(
            (each for each in features_of(("At least 9",), "word")),
            example.segments,
        )
    )
    assert categories_of(tokens, example) == ("comparator", "comparator", "number")
    assert categories_of(features_of(example.segments, "sentence"), example) == ("comparator",)


# Share and lift


def explained(example, scores):
    words = features_of(example.segments, "word")
    return Attribution(example, words, np.asarray(scores, dtype=np.float32), Target((0,)), "rule")


def test_shares_of_all_categories_sum_to_one(splits):
    rng = np.random.default_rng(0)
    for example in splits.test[:30]:
        one = explained(example, rng.normal(size=len(example.text.split())))
        shares = [CategoryShare(category=each).compare(one, example) for each in CATEGORIES]
        assert sum(share for share in shares if share is not None) == pytest.approx(1)


def test_equal_scores_have_a_lift_of_one_whatever_their_sign_and_zeros_count_as_equal(splits):
    for example in splits.test[:10]:
        count = len(example.text.split())
        for scores in (np.ones(count), np.zeros(count), np.where(np.arange(count) % 2, -2.0, 2.0)):
            lifts = [CategoryLift(category=each).compare(explained(example, scores), example) for each in CATEGORIES]
            assert [lift for lift in lifts if lift is not None] == pytest.approx(
                [1] * sum(x is not None for x in lifts)
            )


def test_a_category_that_has_everything_has_the_inverse_of_its_part_as_lift():
    example = Example("1", ("The width shall be at least 900 mm.",))
    scores = [0, 0, 0, 0, 0, 0, -3, 1]
    assert CategoryShare(category="number").compare(explained(example, scores), example) == 1
    assert CategoryLift(category="number").compare(explained(example, scores), example) == pytest.approx(8 / 2)
    assert CategoryLift(category="content").compare(explained(example, scores), example) == 0


def test_a_clause_without_numbers_says_nothing_of_numbers():
    example = Example("1", ("A stair shall have a handrail.",))
    one = explained(example, np.arange(6))
    assert CategoryLift(category="number").compare(one, example) is None
    assert CategoryShare(category="number").compare(one, example) is None
    assert CategoryShare(category="content").compare(one, example) == pytest.approx((1 + 4 * 0 + 5) / 15)


def test_an_examples_own_categories_come_before_the_patterns():
    example = Example("1", ("twelve exits",), spans=(Span(0, 0, 6, "number"), Span(0, 0, 6, "rationale")))
    assert CategoryShare(category="number").compare(explained(example, [3, 1]), example) == pytest.approx(0.75)
    assert CategoryShare(category="content").compare(explained(example, [3, 1]), example) is None


def test_deciding_and_idle_words_make_up_a_category():
    spans = (Span(0, 6, 7, "rationale", decides=(0, 1)),)
    example = Example("1", ("doors 5 and 12 walls",), reference="5", spans=spans)
    one = explained(example, [1, 6, 1, -2, 0])
    told = {words: CategoryShare(category="number", words=words) for words in ("all", "deciding", "idle")}
    assert {words: metric.compare(one, example) for words, metric in told.items()} == pytest.approx(
        {"all": 0.8, "deciding": 0.6, "idle": 0.2}
    )
    assert CategoryLift(category="number", words="deciding").compare(one, example) == pytest.approx(3)
    unknown = Example("1", example.segments)
    judged = [metric.compare(explained(unknown, one.scores), unknown) for metric in told.values()]
    assert judged == [pytest.approx(0.8), None, None]


# Models that write rules

DECIDING = ("number", "identifier", "comparator", "content")
DRAWS = 20  # of random scores


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ATTRIMARK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_the_ladder_grows_and_reads_each_word_of_the_language_as_one_token(cache):
    sizes = [RuleWriterTiny(size=size, texts=16, epochs=1).load((), "cpu") for size in ("s", "m", "l")]
    counts = [sum(each.numel() for each in model.network.parameters()) for model in sizes]
    assert counts == sorted(counts)
    assert counts[2] > 2 * counts[1] > 4 * counts[0]
    tokens = sizes[0].tokenizer.tokenize(
        "rule 4.21: fire resistance of column >= 120 minutes unless building is school"
    )
    assert len(tokens) == 5 + 11


def test_pretraining_depends_on_what_makes_a_difference(cache):
    source = RuleWriterTiny(size="s", texts=16, epochs=1)
    same = source.model_copy(update={"prompt": "{text} =>", "most": 5})
    assert source.folder() == same.folder() != source.model_copy(update={"seed": 1}).folder()


def test_training_a_writer_teaches_it_to_stop(splits):
    writer = TinyWriter(layers=1, width=32, heads=4, positions=512, prompt="{text}\n").load((), "cpu")
    told = [Example(str(place), (text,), reference=text) for place, text in enumerate(("good", "dull") * 8)]
    rows = gold_rows(writer, told)
    assert {row.target.ids[-1] for row in rows} == {writer.tokenizer.eos_token_id}
    assert writer.decide([writer.encode(told[0])], "gold")[0].target.ids == rows[0].target.ids[:-1]
    (tuned,) = Full(epochs=12, learning_rate=1e-2, batch_size=8).fine_tune(writer, told, [0])
    assert tuned.generate([tuned.encode(each) for each in told[:2]], 12) == ["good", "dull"]


@pytest.mark.long
def test_a_trained_writer_looks_at_the_words_that_decide_and_random_scores_do_not(cache):
    splits = CodeCompliance(families=("count",), distractors=1, train=1500, validation=0, test=30).load()
    source = RuleWriterTiny(size="s", texts=2400, epochs=2)
    full = Full(epochs=6, learning_rate=4e-3, batch_size=32)
    (writer,) = full.fine_tune(source.load((), "cpu"), splits.train, [0])
    with writer.active():
        prepared = prepare(writer, splits.test, "gold", "word")
        found, *drawn = (
            lifts(attribute(prepared, method, replicate=replicate, each_token=True).explained)
            for method, replicate in [(LeaveOneOut(), 0), *((Random(), draw) for draw in range(DRAWS))]
        )
    assert found.min() > 1.5
    # a mean over independent draws, with the standard error that they show
    mean, error = np.mean(drawn, axis=0), np.std(drawn, axis=0, ddof=1) / DRAWS**0.5
    assert error.max() < 0.05
    assert (np.abs(mean - 1) < 4 * error).all()


def lifts(explained):
    """The mean over texts of each category that decides."""
    told = [[EvidenceLift(category=each).compare(made, made.example) for made in explained] for each in DECIDING]
    return np.array([np.mean([lift for lift in each if lift is not None]) for each in told])


def test_where_nothing_is_written_the_clause_is_left_out_with_the_reason(splits):
    writer = TinyWriter(layers=1, width=32, heads=4, positions=512).load((), "cpu")
    silenced, *others = splits.test[:4]
    (row,) = writer.decide([writer.encode(silenced)])
    # what it would begin with now ends the text
    writer.tokenizer.eos_token = writer.tokenizer.convert_ids_to_tokens(row.target.ids[0])
    prepared = prepare(writer, [silenced, *others], "predicted", "word")
    assert "the continuation is empty" in prepared.left_out[silenced.id]
    assert len(prepared.rows) + len(prepared.left_out) == 4
    no_rule = Example("none", silenced.segments)
    assert "there is no reference" in prepare(writer, [no_rule], "gold", "word").left_out["none"]


def test_a_saved_model_writes_what_it_wrote_before(tmp_path):
    writer = TinyWriter(positions=512, prompt="Rule of {text}\n", most=5).load((), "cpu")
    writer.network.save_pretrained(tmp_path)
    writer.tokenizer.save_pretrained(tmp_path)
    source = HubWriter(reference=f"path:{tmp_path}", prompt="Rule of {text}\n", most=5)
    read = source.load(("its", "labels"), "cpu")
    assert read.labels == ()
    rows = [each.decide([each.encode(Example("1", ("a stair",)))])[0] for each in (writer, read)]
    assert rows[0].target == rows[1].target
    assert source.fingerprint() != source.model_copy(update={"most": 6}).fingerprint()


# Your own clauses


ROWS = [
    {"clause": "A door shall be at least 900 mm wide.", "rule": "door.width >= 900 mm"},
    {"clause": "A lobby is free.", "rule": ""},
]


def test_ones_own_clauses_and_rules_are_read_from_a_file(tmp_path):
    path = tmp_path / "clauses.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    read = TextFile(path=str(path), text="clause", label="", reference="rule").load()
    assert read.labels == ()
    assert read.notes == {}
    assert {each.text: each.reference for each in every(read)} == {
        ROWS[0]["clause"]: ROWS[0]["rule"],
        ROWS[1]["clause"]: None,
    }


def test_a_missing_column_of_rules_is_named_with_its_neighbour(tmp_path):
    path = tmp_path / "clauses.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    with pytest.raises(AttrimarkError, match='no column "rules"; its columns: clause, rule; did you mean "rule"'):
        TextFile(path=str(path), text="clause", label="", reference="rules").load()
    path.write_text(json.dumps({"clause": "A", "rule": 3}))
    with pytest.raises(AttrimarkError, match='jsonl:1: "rule" must be a text, not 3'):
        TextFile(path=str(path), text="clause", label="", reference="rule").load()


def test_families_are_named_once_in_the_options():
    assert set(BASIC) < set(FAMILIES)
    with pytest.raises(ValueError, match="families"):
        CodeCompliance(families=["door"])
