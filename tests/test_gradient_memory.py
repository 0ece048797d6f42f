"""Gradients that always fit: fewer rows a pass, then checkpointed blocks, and the same numbers."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
import torch
from attrimark.run.meter import Passes, counted
from attrimark_plugins.methods import integrated_gradients
from attrimark_plugins.methods.gradient import Gradient
from attrimark_plugins.methods.input_x_gradient import InputXGradient
from attrimark_plugins.methods.integrated_gradients import IntegratedGradients
from attrimark_plugins.methods.shared import value_gradient
from attrimark_plugins.methods.shared.checkpointing import checkpointed
from attrimark_plugins.methods.shared.passes import in_passes
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_plugins.strategies.lora import Lora
from attrimark_registry import Batch, Example, Model, ModelMethod
from hypothesis import given
from hypothesis import strategies as st

from tests.references import networks

LABELS = ("negative", "positive")
TEXTS = ("a gorgeous film", "dull", "the film is witty, and not very sad.", "good film")
EXAMPLES = [Example(str(place), (text,), LABELS[place % 2]) for place, text in enumerate(TEXTS)]
MODEL = networks.bert()
METHODS = (IntegratedGradients(steps=4), Gradient(), InputXGradient())


def deep(shape: str = "llama") -> Model:
    return TinyCausal(shape=shape, layers=4).load(LABELS, "cpu")


def encoder() -> Model:
    return TinyEncoder(layers=4).load(LABELS, "cpu")


def four_bit() -> Model:
    return Nf4().quantize(deep())


def adapted() -> Model:
    return Lora(epochs=1).fine_tune(deep(), EXAMPLES, [0])[0]


MODELS = (deep, lambda: deep("gpt2"), lambda: deep("mistral"), encoder, networks.writer, four_bit, adapted)
NAMES = ("llama", "gpt2", "mistral", "bert", "writer", "nf4", "lora")
every_model = pytest.mark.parametrize("make", MODELS, ids=NAMES)


class Memory:
    """Bytes that graphs keep for the way back, outside of checkpointed blocks; beyond `limit` there is no room."""

    def __init__(self, limit: float = float("inf")) -> None:
        self.limit, self.kept, self.refused = limit, 0, 0

    @contextmanager
    def of_one_pass(self) -> Iterator[None]:
        self.kept = 0
        with torch.autograd.graph.saved_tensors_hooks(self._keep, lambda tensor: tensor):
            yield

    def _keep(self, tensor: torch.Tensor) -> torch.Tensor:
        self.kept += tensor.nbytes
        if self.kept > self.limit:
            self.refused += 1
            raise torch.OutOfMemoryError("no room")
        return tensor


def gradient(model: Model, batch: Batch) -> tuple[torch.Tensor, int, Passes]:
    """The gradient of one pass, the bytes that were kept for it, and what the meter counted."""
    memory = Memory()
    with memory.of_one_pass(), counted(model) as passes:
        found = value_gradient.gradient_of_one_pass(model, batch, model.embed(batch), "log-odds")
    return found, memory.kept, passes


def scores_within(limit: float, method: ModelMethod, model: Model, monkeypatch: pytest.MonkeyPatch) -> tuple:
    """The method's scores where the graph of a pass may keep so many bytes, and how often it would have kept more."""
    memory, one_pass = Memory(limit), value_gradient.gradient_of_one_pass

    def limited(*arguments: object) -> torch.Tensor:
        with memory.of_one_pass():
            return one_pass(*arguments)

    rows = networks.rows(model, TEXTS)
    with monkeypatch.context() as patch, model.active():
        for module in (value_gradient, integrated_gradients):
            patch.setattr(module, "gradient_of_one_pass", limited)
        scores = method.attribute(model, model.collate(rows), [np.random.default_rng(0) for _ in rows])
    return scores.values, memory.refused


def bytes_a_row(model: Model) -> tuple[int, int]:
    """What the pass of one row keeps, plain and with checkpointed blocks."""
    batch = value_gradient.rows_at(model.collate(networks.rows(model, TEXTS)), torch.tensor([0]))
    with model.active():
        plain = gradient(model, batch)[1]
        with checkpointed(model):
            return plain, gradient(model, batch)[1]


@every_model
def test_checkpointing_changes_no_number_and_no_count(make: Callable[[], Model]) -> None:
    model = make()
    batch = model.collate(networks.rows(model, TEXTS))
    with model.active():
        plain, much, passes = gradient(model, batch)
        with checkpointed(model):
            lean, little, recounted = gradient(model, batch)
    torch.testing.assert_close(lean, plain, rtol=1e-5, atol=1e-5)
    assert recounted == passes  # blocks computed again are no pass through the network
    assert passes.forwards == passes.backwards > 0
    assert little < much / 3


@every_model
def test_checkpointing_leaves_the_network_as_found(make: Callable[[], Model]) -> None:
    model = make()
    before = [(set(vars(module)), module.training) for module in model.network.modules()]
    with pytest.raises(ZeroDivisionError), checkpointed(model):
        _ = 1 / 0
    assert [(set(vars(module)), module.training) for module in model.network.modules()] == before


def test_a_forward_that_somebody_else_has_put_on_a_block_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = networks.bert(), []
    block = model.blocks()[0]
    forward = block.forward

    def watched(*arguments, **options):
        seen.append(len(arguments))
        return forward(*arguments, **options)

    monkeypatch.setattr(block, "forward", watched)
    rows = networks.rows(model)
    seen.clear()
    with model.active(), checkpointed(model):
        gradient(model, model.collate(rows))
    assert len(seen) == 2  # there, and once more on the way back
    assert block.forward is watched


@pytest.mark.parametrize(
    ("make", "method"), [*((make, METHODS[0]) for make in MODELS), *((deep, method) for method in METHODS[1:])]
)
def test_where_one_row_is_too_much_blocks_are_checkpointed(
    make: Callable[[], Model], method: ModelMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make()
    plain, lean = bytes_a_row(model)
    whole, never = scores_within(float("inf"), method, model, monkeypatch)
    squeezed, refused = scores_within((plain + lean) / 2, method, model, monkeypatch)
    torch.testing.assert_close(squeezed, whole, rtol=1e-5, atol=1e-5)
    assert never == 0
    # each size fails once: 16 points (or 4 rows), 8, 4, 2, 1
    assert refused == (5 if isinstance(method, IntegratedGradients) else 3)


def test_where_not_even_that_fits_the_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = deep()
    _, lean = bytes_a_row(model)
    with pytest.raises(torch.OutOfMemoryError, match="no room"):
        scores_within(lean / 2, IntegratedGradients(steps=4), model, monkeypatch)
    assert not any("forward" in vars(block) for block in model.blocks())


@given(count=st.integers(1, 60), most=st.integers(1, 80), room=st.integers(1, 80))
def test_every_item_is_computed_once_and_no_size_fails_twice(count: int, most: int, room: int) -> None:
    model, done, failed = copy.copy(MODEL), [], []  # of which nothing is remembered

    def compute(some: range) -> None:
        if len(some) > room:
            failed.append(len(some))
            raise MemoryError
        done.extend(some)

    for _ in range(2):
        in_passes(model, compute, count, most, length=7)
    assert done == 2 * list(range(count))
    assert failed == sorted(set(failed), reverse=True)


def test_what_fitted_is_remembered_in_tokens() -> None:
    model, sizes, failed = networks.bert(), [], []

    def compute(length: int, some: range) -> None:
        lean = any("forward" in vars(block) for block in model.blocks())
        sizes.append((len(some), length, lean))
        if not lean and len(some) * length > 40:
            failed.append(len(some) * length)
            raise MemoryError

    for length in (20, 5, 50, 60, 4):
        in_passes(model, partial(compute, length), 8, 8, length)
    assert failed == [160, 80, 50]
    assert sizes[2:6] == [(2, 20, False)] * 4
    assert sizes[6:7] == [(8, 5, False)]
    assert sizes[8:24] == [(1, length, True) for length in (50, 60) for _ in range(8)]
    assert sizes[24:] == [(8, 4, False)]


def test_any_other_error_is_told_at_once() -> None:
    def compute(some: range) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        in_passes(MODEL, compute, 4, 4, length=7)


@pytest.mark.parametrize("double_quant", [False, True])
def test_integrated_gradients_over_four_bits_are_those_over_the_same_values_in_float(double_quant: bool) -> None:
    method, found = IntegratedGradients(steps=100, reference="mean"), []
    for backend in ("bitsandbytes", "fake"):
        model = Nf4(backend=backend, double_quant=double_quant).quantize(TinyCausal().load(LABELS, "cpu"))
        rows = networks.rows(model, TEXTS)
        with model.active():
            found.append(method.attribute(model, model.collate(rows), [np.random.default_rng(0) for _ in rows]))
    torch.testing.assert_close(found[0].values, found[1].values, rtol=0, atol=1e-5)
    assert found[0].values.dtype == torch.float32
    for scores in found:
        assert (scores.diagnostics["completeness_gap_relative"] <= 1e-3).all()
