"""Two runs are paired in one place, whatever is made of the pairs: a comparison, or the gate of a build."""

import numpy as np
import pytest
from attrimark.results.paired import paired
from attrimark.results.scores import NOTHING_FOREIGN, ScoreArray


def array(values, texts="abc", operators=("mask", "delete"), home=(), seeds=(0,)):
    table = np.array(values, dtype=np.float64)
    missing = np.isnan(table)
    return ScoreArray(tuple(seeds), tuple(texts), tuple(operators), table, missing, missing & False, frozenset(home))


def test_pairs_are_of_texts_and_operators_that_both_have_and_neither_method_uses():
    before = array([[[1, 2], [3, 4], [5, 6]]])
    after = array([[[9, 60], [9, 40]]], texts="cb", operators=("pad", "delete"), home=("pad",))
    found = paired(before, after)
    assert found.texts == ("b", "c")
    assert found.before.tolist() == [[4, 6]]
    assert found.after.tolist() == [[40, 60]]
    assert found.change.tolist() == [[36, 54]]


@pytest.mark.parametrize("home", [("mask", "delete"), ("delete", "mask")])
def test_where_every_operator_is_one_of_the_methods_own_there_is_no_pair(home):
    before, after = (array([[[1, 2], [3, 4], [5, 6]]], home=(each,)) for each in home)
    assert paired(before, after).problem == NOTHING_FOREIGN


def test_what_networks_cannot_resolve_is_no_change():
    before = array([[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]])
    after = array([[[1.00001, 1.0], [2.0, 1.99999], [3.1, 3.1]]])
    assert paired(before, after).change[0].tolist() == pytest.approx([0, 0, 0.1])


def test_a_text_without_a_score_on_one_side_has_none_on_the_other():
    before, after = (
        array([[[1, 1], [2, 2]]], "ab"),
        array([[[1, 1], [np.nan, 2]], [[4, 4], [5, 5]]], "ab", seeds=(0, 1)),
    )
    one = ScoreArray((0,), after.texts, after.operators, after.values[:1], after.missing[:1] & False, after.invalid[:1])
    found = paired(before, one)
    assert np.isnan(found.before).tolist() == np.isnan(found.after).tolist() == [[False, True]]
    with pytest.raises(ValueError, match="have no pairs"):
        paired(before, after)
