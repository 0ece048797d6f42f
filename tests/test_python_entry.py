"""`attrimark.evaluate` with texts and labels in whatever holds them."""

from itertools import permutations

import attrimark
import numpy as np
import pandas as pd
import pytest
from attrimark.api.given_texts import examples_of
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_registry import AttrimarkError, Example
from attrimark_registry.output_names import output_names

from tests.references import networks

TEXTS = ["a gorgeous film", "dull", "good film"]
PAIRS = [("a good film", "it is good"), ("a dull film", "it is very good")]


class Series:
    """A column that only iterates, and has no truth value."""

    def __init__(self, cells):
        self.cells = cells

    def __iter__(self):
        return iter(self.cells)

    def __len__(self):
        return len(self.cells)

    def __bool__(self):
        raise ValueError("the truth value of a column is ambiguous")


HOLDERS = (list, tuple, iter, Series, np.array, pd.Series, pd.Index, lambda texts: np.array(texts, dtype=object),
           lambda texts: pd.Series(texts, index=[7, 8, 9], dtype="string"), lambda texts: pd.Categorical(texts),
           lambda texts: (text for text in texts), lambda texts: dict(enumerate(texts)).values())  # fmt: skip


@pytest.mark.parametrize("holder", HOLDERS)
def test_whatever_holds_the_texts_gives_the_same_examples(holder):
    examples, left_out = examples_of(holder(TEXTS))
    assert examples == tuple(Example(str(place), (text,)) for place, text in enumerate(TEXTS))
    assert all(type(segment) is str for example in examples for segment in example.segments)
    assert left_out == {}


@pytest.mark.parametrize("text", ["a gorgeous film", np.str_("a gorgeous film")])
def test_one_string_is_one_text(text):
    assert examples_of(text) == ((Example("0", ("a gorgeous film",)),), {})


def test_an_example_keeps_its_id_alone_or_among_strings():
    own = Example("mine", ("dull",), "negative")
    assert examples_of(own) == ((own,), {})
    assert examples_of(["good film", own]) == ((Example("0", ("good film",)), own), {})


@pytest.mark.parametrize("holder", [list, iter, lambda pairs: map(list, pairs), np.array,
                                    lambda pairs: zip(*map(Series, zip(*pairs, strict=True)), strict=True),
                                    lambda pairs: pd.DataFrame(pairs).to_numpy()])  # fmt: skip
def test_a_pair_of_strings_is_one_example_of_two_segments(holder):
    assert examples_of(holder(PAIRS))[0] == tuple(Example(str(place), pair) for place, pair in enumerate(PAIRS))


@pytest.mark.parametrize(
    "cell", [None, float("nan"), np.nan, np.float32("nan"), pd.NA, pd.NaT, "", "  \n\t", "\u3000"], ids=repr
)
def test_an_empty_cell_is_left_out_with_its_reason_and_the_others_are_evaluated(cell):
    examples, left_out = examples_of([TEXTS[0], cell, TEXTS[2]])
    assert examples == (Example("0", (TEXTS[0],)), Example("2", (TEXTS[2],)))
    assert left_out == {"1": "the text is empty" if isinstance(cell, str) else "the text is missing"}
    assert examples_of([TEXTS[0], ("dull", cell)])[1]["1"].startswith("segment 2 of the pair is ")


@pytest.mark.parametrize("texts", [[], (), "", " ", [None], np.array([]), pd.Series([np.nan, ""]), iter([])])
def test_nothing_but_empty_cells_is_an_error(texts):
    with pytest.raises(AttrimarkError, match="at least one text"):
        examples_of(texts)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (3, r"texts\[1\] is of type int: .* str\(value\)"),
        (True, r"texts\[1\] is of type bool"),
        (2.5, r"texts\[1\] is of type float"),
        (np.float64(2.5), r"texts\[1\] is of type float64"),
        ({"text": "dull"}, r"texts\[1\] is of type dict: .* pass one column"),
        (b"dull", r"texts\[1\] is of type bytes: .* decode"),
        (("a", 3), r"an item of texts\[1\] is of type int"),
        (["a", ["b"]], r"an item of texts\[1\] is of type list"),
        (("a", "b", "c"), r"texts\[1\] holds 3 items: a pair is two strings"),
        (["a"], r"texts\[1\] holds 1 items"),
    ],
)
def test_what_is_no_text_is_refused_with_its_position_its_type_and_the_remedy(item, message):
    with pytest.raises(AttrimarkError, match=message):
        examples_of(["good film", item])


@pytest.mark.parametrize("texts", [{"text": TEXTS}, pd.DataFrame({"text": TEXTS, "label": [0, 1, 1]})])
def test_a_table_is_refused_and_not_read_as_the_names_of_its_columns(texts):
    with pytest.raises(AttrimarkError, match="pass the column"):
        examples_of(texts)


@pytest.mark.parametrize("texts", [None, 3, b"dull", float("nan"), np.array("dull")])
def test_what_holds_no_texts_is_refused_with_its_type(texts):
    with pytest.raises(AttrimarkError, match=f"of type {type(texts).__name__}: pass a string"):
        examples_of(texts)


def test_an_examples_id_that_is_the_position_of_an_empty_cell_is_refused():
    with pytest.raises(AttrimarkError, match="two texts have the id '1'"):
        examples_of([Example("1", ("dull",)), None])


def test_evaluate_explains_a_column_without_its_empty_cells():
    column = pd.Series(["a gorgeous film", None, "dull", float("nan"), " "], index=list("abcde"))
    found = attrimark.evaluate(networks.bert(), texts=column, methods="leave-one-out", metrics="sufficiency")
    assert found.left_out == {"1": "the text is missing", "3": "the text is missing", "4": "the text is empty"}
    assert [each.example.id for each in found.attributions["leave-one-out"]] == ["0", "2"]
    assert found.boards[0].left_out == found.left_out
    assert "Left out for all: 3 texts (2 × the text is missing; 1 × the text is empty)." in str(found)


def test_evaluate_explains_one_string_and_pairs():
    one = attrimark.evaluate(networks.bert(), texts="a gorgeous film", methods=LeaveOneOut(), metrics=[])
    assert [len(each.features) for each in one.attributions["leave-one-out"]] == [3]
    pairs = attrimark.evaluate(networks.bert(), texts=PAIRS, methods=["leave-one-out"], metrics=[])
    assert [each.example.segments for each in pairs.attributions["leave-one-out"]] == PAIRS
    assert [feature.segment for feature in pairs.attributions["leave-one-out"][0].features] == [0, 0, 0, 1, 1, 1]


# Labels


@pytest.mark.parametrize("labels", [None, *permutations(["NEGATIVE", "positive", "Neutral"])])
def test_outputs_keep_their_own_names_in_whatever_order_labels_are_named(labels):
    assert output_names({1: "positive", 0: "negative", 2: "neutral"}, labels) == ["negative", "positive", "neutral"]


def test_outputs_that_were_never_named_take_the_names_given():
    own = {0: "LABEL_0", 1: "LABEL_1"}
    assert output_names(own) == output_names(own, ["LABEL_1", "LABEL_0"]) == ["LABEL_0", "LABEL_1"]
    assert output_names(own, ["negative", "positive"]) == ["negative", "positive"]


@pytest.mark.parametrize("labels", [[], ["dull"], ["dull", "dull"], ["a", "b", "c"]])
def test_outputs_without_names_need_one_each(labels):
    with pytest.raises(AttrimarkError, match=r"LABEL_0, LABEL_1.*name 2 different ones"):
        output_names({0: "LABEL_0", 1: "LABEL_1"}, labels)


@pytest.mark.parametrize("labels", [["good", "bad"], ["positive"], ["positive", "positive"], ["positive", "bad"]])
def test_labels_that_are_not_the_networks_are_refused_with_its_own(labels):
    with pytest.raises(AttrimarkError, match="the network has negative, positive, and not"):
        output_names({0: "negative", 1: "positive"}, labels)


def test_evaluate_explains_the_same_label_in_whatever_order_labels_are_named():
    model = networks.bert()
    model.network.config.id2label = {0: "NEGATIVE", 1: "POSITIVE"}

    def explained(labels):
        found = attrimark.evaluate(model.network, model.tokenizer, TEXTS, ["leave-one-out"], [], labels=labels)
        return [(each.explained, each.scores.tolist()) for each in found.attributions["leave-one-out"]]

    plain = explained(None)
    assert {label for label, _ in plain} <= {"NEGATIVE", "POSITIVE"}
    for labels in (["positive", "negative"], np.array(["negative", "positive"]), pd.Series(["positive", "negative"])):
        assert explained(labels) == plain
    with pytest.raises(AttrimarkError, match="has NEGATIVE, POSITIVE, and not bad, good"):
        explained(["bad", "good"])
