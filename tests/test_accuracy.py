"""Accuracy: on which texts, which of them say nothing, and that batches by length change nothing."""

import numpy as np
import pytest
import torch
from attrimark_plugins.metrics.accuracy import Accuracy
from attrimark_plugins.metrics.parse_rate import ParseRate
from attrimark_registry import Classifier, Example, Splits, Unsupported
from pydantic import ValidationError

from tests.references import networks

SPLITS = Splits(
    labels=networks.LABELS,
    train=tuple(Example(f"train-{place}", ("good",), "positive") for place in range(5)),
    validation=tuple(Example(f"validation-{place}", ("good",), "positive") for place in range(3)),
    test=tuple(Example(f"test-{place}", ("dull",), "negative") for place in range(4)),
)
EXPLAINED = SPLITS.test[:2]
TOO_LONG = Example("long", ("good " * 80,), "positive")


def texts_of(metric, splits: Splits = SPLITS) -> list[str]:
    return [example.id for example in metric.texts(splits, EXPLAINED)]


# On which texts


def test_a_metric_of_the_model_is_measured_on_the_explained_texts_unless_it_says_otherwise():
    for metric in (Accuracy(), ParseRate()):
        assert texts_of(metric) == ["test-0", "test-1"]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({"first": 1}, ["test-0"]),
        ({"first": 9}, ["test-0", "test-1"]),
        ({"split": "test"}, ["test-0", "test-1", "test-2", "test-3"]),
        ({"split": "test", "first": 3}, ["test-0", "test-1", "test-2"]),
        ({"split": "validation"}, ["validation-0", "validation-1", "validation-2"]),
        ({"split": "validation", "first": 2}, ["validation-0", "validation-1"]),
    ],
)
def test_accuracy_takes_the_first_texts_of_a_split(options, ids):
    assert texts_of(Accuracy(**options)) == ids


def test_a_split_that_the_dataset_lacks_is_unsupported():
    with pytest.raises(Unsupported, match="no validation split"):
        texts_of(Accuracy(split="validation"), Splits(networks.LABELS, test=SPLITS.test))


@pytest.mark.parametrize("options", [{"split": "train"}, {"first": 0}])
def test_accuracy_is_never_that_on_training_texts_or_on_none(options):
    with pytest.raises(ValidationError):
        Accuracy(**options)


# What it says of them


def random_texts(count: int) -> list[Example]:
    rng = np.random.default_rng(0)
    words = [word for word in networks.WORDS if word.isalpha()]
    made = [" ".join(rng.choice(words, rng.integers(1, 30))) for _ in range(count)]
    return [Example(str(place), (text,), "positive") for place, text in enumerate(made)]


def undecided_bert() -> Classifier:
    """The random encoder, its bias moved so that it gives both labels to half of the random texts."""
    model = networks.bert()
    with model.active(), torch.no_grad():
        odds = [model.outputs(model.collate([model.encode(each)])).diff() for each in random_texts(50)]
        model.network.classifier.bias[1] -= torch.cat(odds).median() + 1e-4
    return model


@pytest.mark.parametrize("make", [undecided_bert, networks.prompted])
def test_batches_by_length_change_no_label(make):
    model, examples = make(), random_texts(50)
    with model.active():
        one_by_one = [float(model.predict([model.encode(example)]) == [1]) for example in examples]
        assert Accuracy().measure(model, examples).tolist() == one_by_one
    assert 20 < sum(one_by_one) < 30


def test_rows_are_predicted_from_the_shortest_to_the_longest(monkeypatch):
    model, seen = networks.bert(), []
    predict = model.predict

    def spied(rows):
        seen.extend(map(len, rows))
        return predict(rows)

    monkeypatch.setattr(model, "predict", spied)
    with model.active():
        Accuracy().measure(model, random_texts(20))
    assert seen == sorted(seen)
    assert len(set(seen)) > 5


@pytest.mark.parametrize("answer", ["constrained", "generated"])
def test_a_text_that_the_model_cannot_take_says_nothing(answer):
    model, metric = networks.prompted(), Accuracy(answer=answer, most=2)
    examples = random_texts(3)
    with model.active():
        alone = metric.measure(model, examples)
        among = metric.measure(model, [TOO_LONG, *examples[:2], TOO_LONG, examples[2]])
    np.testing.assert_array_equal(among, [np.nan, *alone[:2], np.nan, alone[2]])
    assert np.isfinite(alone).all()


def test_a_model_that_can_take_no_text_is_unsupported_with_the_reason():
    with pytest.raises(Unsupported, match="tokens and the model takes"):
        Accuracy().measure(networks.bert(), [TOO_LONG, TOO_LONG])


@pytest.mark.parametrize(("gold", "right"), [("negative", 1.0), ("positive", 0.0)])
def test_of_labels_that_are_tied_the_first_is_the_model_s_as_where_it_is_explained(gold, right):
    model = networks.bert()
    with model.active(), torch.no_grad():
        model.network.classifier.weight.zero_()
        model.network.classifier.bias.zero_()
        example = Example("tied", ("good",), gold)
        (row,) = model.decide([model.encode(example)])
        assert row.target.chosen == (0,)
        assert Accuracy().measure(model, [example]).tolist() == [right]


def test_no_texts_have_no_numbers():
    assert Accuracy().measure(networks.bert(), []).shape == (0,)
