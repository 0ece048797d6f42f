"""What plugins return is checked before anything is made of it."""

import numpy as np
import pytest
import torch
from attrimark import evaluate
from attrimark.run import border
from attrimark.run.attribute import attribute
from attrimark.run.prepare import prepare
from attrimark_plugins.models.tiny import TinyEncoder
from attrimark_registry.attribution import Scores
from attrimark_registry.errors import InvalidNumbers
from attrimark_registry.plugin import ModelMethod, ModelMetric, SpanMetric, SubsetMethod
from attrimark_registry.text import Example

LABELS = ["negative", "positive"]
TEXTS = ["the film is good", "a dull plot"]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.array([1 + 1j, 0]), "complex128 was returned"),
        (torch.tensor([1 + 1j, 0]), "complex64 was returned"),
        (np.ma.masked_array([1.0, 2.0], mask=[True, False]), "a masked array"),
        (np.array([1.0, None]), "object was returned"),
        (["0.5", "0.25"], "<U4 was returned"),
        (np.array([1.0, np.nan]), "NaN or infinite"),
        (np.array([1.0, -np.inf]), "NaN or infinite"),
        (np.array([1.0, 2.0, 3.0]), r"an array \(3,\) was returned where one \(2,\) is due"),
        (np.array([[1.0, 2.0]]), r"an array \(1, 2\)"),
        (1.0, r"an array \(\)"),
        (torch.tensor([1.0, 0.0]).to_sparse(), "a sparse or nested tensor"),
        (torch.ones(2, device="meta"), "a tensor on the device meta"),
        (torch.tensor([1j, 0]).conj(), "complex64 was returned"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_array_of_finite_numbers_is_refused(returned, message):
    with pytest.raises(InvalidNumbers, match=message):
        border.numbers(returned, "mine", (2,))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.nested.nested_tensor([torch.ones(1), torch.ones(2)]), "a sparse or nested tensor"),
        (lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "a quantized tensor"),
    ],
)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors", "ignore:torch.quantize_per_tensor")
def test_what_numpy_does_not_know_is_refused(make, message):
    with pytest.raises(InvalidNumbers, match=message):
        border.numbers(make(), "mine", (2,))


@pytest.mark.parametrize(
    "returned",
    [
        np.array([1, 2]),
        [1.0, 2.0],
        torch.tensor([1.0, 2.0], dtype=torch.bfloat16, requires_grad=True),
        torch.tensor([1.0, 2.0]).to(torch.float8_e4m3fn),
        torch._neg_view(torch.tensor([-1.0, -2.0])),
        np.array([1.0, 2.0], dtype=np.float16),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numbers_are_taken_wherever_they_were_left(returned):
    assert border.numbers(returned, "mine", (2,)).tolist() == [1.0, 2.0]


def test_some_scores_may_be_too_small_to_keep():
    assert border.single([1e-46, 1.0], "mine", (2,)).tolist() == [0.0, 1.0]
    assert border.single([0.0, 0.0], "mine", (2,)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("value", [-0.01, 1.01, np.inf])
def test_bounds_hold(value):
    with pytest.raises(InvalidNumbers, match="mine"):
        border.number(value, "mine", (0.0, 1.0))


def test_bounds_hold_but_for_rounding():
    assert border.number(1 + 1e-7, "mine", (0.0, 1.0)) > 1


class OneBuffer(SubsetMethod):
    """Uses one array for what it asks and one for what it returns, for all texts."""

    name = "one-buffer"

    def explore(self, features, rng):
        del rng
        count = len(features)
        asked, scores = ASKED[:1, :count], SCORES[:count]
        asked[:] = True
        asked[0, :] = np.arange(count) == count - 1
        values = yield asked
        scores[:] = values[0] * np.arange(1, count + 1)
        return Scores(scores, {"noise": scores[:1]})


ASKED, SCORES = np.ones((1, 20), dtype=bool), np.zeros(20)


def test_a_plugin_may_use_its_arrays_again():
    model = TinyEncoder().load(LABELS, "cpu")
    method, fair = OneBuffer(), evaluate(model, texts=TEXTS[:1], methods=[OneBuffer()], metrics=[])
    both = evaluate(model, texts=TEXTS, methods=[method], metrics=[])
    first, second = both.attributions["one-buffer"]
    assert np.array_equal(first.scores, fair.attributions["one-buffer"][0].scores)
    assert first.scores[1] != second.scores[1]


class Returns(SubsetMethod):
    name = "returns"

    what: str

    def explore(self, features, rng):
        del rng
        yield np.ones((1, len(features)), dtype=bool)
        numbers = np.zeros(len(features))
        return {
            "short": numbers[1:],
            "complex": numbers + 0j,
            "infinite": numbers / 0,
            "huge": numbers - 1e39,
            "tiny": numbers + 1e-46,
        }[self.what]


class Asks(SubsetMethod):
    name = "asks"

    what: str

    def explore(self, features, rng):
        del rng
        whole = np.ones((1, len(features)))
        yield {"floats": whole, "one": whole[0] > 0}[self.what]
        return np.zeros(len(features))


class NoGenerator(SubsetMethod):
    name = "no-generator"

    def explore(self, features, rng):
        del rng
        return np.zeros(len(features))


class Batches(ModelMethod):
    name = "batches"

    def attribute(self, model, batch, rngs):
        del model, rngs
        return Scores(torch.zeros(batch.input_ids.shape) + 1j)


class Lowest(ModelMethod):
    """Finite numbers, but for a token that is not the largest of its word."""

    name = "lowest"

    def attribute(self, model, batch, rngs):
        del model, rngs
        scores = torch.zeros(batch.input_ids.shape, dtype=torch.float64)
        scores[:, 1] = -1e39
        return Scores(scores)


def test_pooling_hides_no_infinite_token():
    model = TinyEncoder(layers=1).load(LABELS, "cpu")
    with model.active():
        prepared = prepare(model, [Example("0", ("plotting",))], "predicted", "word")
        assert len(prepared.rows[0].feature_of) > 3  # more than a token between the special ones
        with pytest.raises(InvalidNumbers, match="is infinite in float32"):
            attribute(prepared, Lowest(), pooling="max")


class Beyond(SpanMetric):
    name = "beyond"

    def compare(self, attribution, example):
        del attribution, example
        return 1.5


class Endless(ModelMetric):
    name = "endless"

    def measure(self, model, examples):
        del model, examples
        return float("nan")


@pytest.mark.parametrize(
    ("method", "cause", "message"),
    [
        (Returns(what="short"), "invalid", "an array (3,) was returned where one (4,) is due"),
        (Returns(what="complex"), "invalid", "complex128 was returned"),
        (Returns(what="infinite"), "invalid", "NaN or infinite"),
        (Returns(what="huge"), "invalid", "1e+39 is infinite in float32, in which scores are kept"),
        (Returns(what="tiny"), "invalid", "1e-46 and all others are 0 in float32"),
        (Batches(), "invalid", "complex64 was returned"),
        (Asks(what="floats"), "exception", "a boolean array [subsets, 4], True where a feature is kept, not float64"),
        (Asks(what="one"), "exception", "not bool [4]"),
        (NoGenerator(), "exception", "returned ndarray and is no generator"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_method_that_returns_something_else_has_no_number(method, cause, message):
    model = TinyEncoder().load(LABELS, "cpu")
    made = evaluate(model, texts=TEXTS, methods=[method, "leave-one-out"], metrics=["sufficiency", "accuracy"])
    alone, odd, good = made.records
    assert (odd.status, odd.cause) == ("failed", cause)
    assert message in odd.reason
    assert alone.status == good.status == "ok"


@pytest.mark.parametrize("bounds", [(np.nan, np.nan), (0.0, np.nan), (1.0, 0.0)])
def test_bounds_are_an_interval(monkeypatch, bounds):
    monkeypatch.setattr(Beyond, "bounds", bounds)
    with pytest.raises(ValueError, match=r"beyond declares the bounds .* which are no interval"):
        Beyond()


def test_a_metric_outside_its_bounds_has_no_number():
    model = TinyEncoder().load(LABELS, "cpu")
    made = evaluate(model, texts=TEXTS, methods=["leave-one-out"], metrics=[Beyond(), Endless(), "sufficiency"])
    alone, explained = made.records
    ((status, reason),) = alone.metric_status.values()
    assert (status, "NaN or infinite" in reason) == ("failed", True)
    ended = sorted(explained.metric_status.values(), key=str)
    assert ended == [
        ("failed", "beyond, text 0: 1.5 lies outside the declared bounds 0 to 1"),
        ("ok", None),
    ]


def test_a_network_of_no_numbers_has_no_prediction_and_no_accuracy():
    """Of long texts only: the check before, on short ones, sees nothing of it."""
    model, long = TinyEncoder(layers=1).load(LABELS, "cpu"), "the film is good " * 6
    table = next(module for name, module in model.network.named_modules() if name.endswith("position_embeddings"))
    with torch.no_grad():
        table.weight[20:] = float("nan")
    examples = [Example("short", (TEXTS[0],), "positive"), Example("long", (long,), "positive")]
    alone, explained = evaluate(model, texts=examples, methods=["random"], metrics=["accuracy"]).records
    assert "NaN or infinite" in explained.left_out["long"]
    assert explained.status == "ok"
    ((status, reason),) = alone.metric_status.values()
    assert (status, "NaN or infinite" in reason) == ("failed", True)
    _, explained = evaluate(model, texts=examples[1:], methods=["random"], metrics=["accuracy"]).records
    assert (explained.status, explained.cause) == ("failed", "invalid")
    with torch.no_grad():
        table.weight[:] = float("inf")
    with pytest.raises(InvalidNumbers, match="see that its weights are finite"):
        evaluate(model, texts=examples, methods=["random"], metrics=["accuracy"])
