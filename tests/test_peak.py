"""Peak memory is counted from tensors: known sizes are found, and an explanation's peak is the same in any company."""

from contextlib import contextmanager

import attrimark.run.attribute
import pytest
import torch
from attrimark.run.attribute import attribute
from attrimark.run.peak import peak_of_memory
from attrimark.run.prepare import prepare
from attrimark_plugins.methods.gradient import Gradient
from attrimark_plugins.methods.integrated_gradients import IntegratedGradients
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.random import Random
from attrimark_plugins.methods.shapley_exact import ShapleyExact
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder
from attrimark_registry import Cost, Example

KB = 1024
CPU = torch.device("cpu")
TEXTS = ("a wonderful film", "the plot was dull, slow and not very good", "excellent")
EXAMPLES = tuple(Example(str(place), (text,)) for place, text in enumerate(TEXTS))
METHODS = (LeaveOneOut(), Gradient(), IntegratedGradients(steps=3))
SOURCES = pytest.mark.parametrize("source", [TinyEncoder(), TinyCausal()], ids=["encoder", "causal"])


def block(kilobytes: int) -> torch.Tensor:
    return torch.zeros(kilobytes * KB // 4)


def test_what_lives_together_is_added_and_what_was_freed_is_not():
    with peak_of_memory(CPU) as peak:
        first, second = block(3), block(5)
        del first
        third = block(2)
    assert peak.bytes == 8 * KB
    assert len(second) > len(third)


def test_views_and_changes_in_place_hold_nothing():
    before = block(64)
    with peak_of_memory(CPU) as peak:
        before.view(2, -1).t().add_(1)
        before[:10].mul_(2).zero_()
    assert peak.bytes == 0


def test_a_view_keeps_all_of_what_it_shows():
    with peak_of_memory(CPU) as peak:
        window = block(8)[:1]
        other = block(1)
    assert peak.bytes == 9 * KB
    assert len(window) < len(other)


def test_what_waits_for_the_backward_pass_is_held():
    weight = torch.ones(KB // 4, requires_grad=True)
    with torch.no_grad(), peak_of_memory(CPU) as forwards:
        weight.exp().exp().exp()
    with peak_of_memory(CPU) as with_gradients:
        weight.exp().exp().exp()
    assert forwards.bytes == 2 * KB
    assert with_gradients.bytes == 3 * KB


@SOURCES
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_longest_text_has_a_peak_that_no_company_changes(source, method):
    peaks = []
    for texts, before in ((EXAMPLES, False), (EXAMPLES, True), (EXAMPLES[::-1], False), (EXAMPLES[1:2], False)):
        model = source.load(("negative", "positive"), "cpu")
        with model.active():
            prepared = prepare(model, texts, "predicted", "word")
            if before:  # every value is known already
                attribute(prepared, ShapleyExact())
            explained = attribute(prepared, method).explained
        known = {each.example.id: each.own.peak for each in explained if each.own.peak is not None}
        assert list(known) == ["1"]
        peaks.append(known["1"])
    assert peaks[0] > 0
    assert len(set(peaks)) == 1


@SOURCES
@pytest.mark.parametrize("slows", [True, False])
@pytest.mark.parametrize("method", METHODS, ids=str)
def test_the_time_that_counting_takes_is_no_explanations_time(source, method, slows, monkeypatch):
    """The longest text has the seconds of its FLOPs at the others' rate, or its own where counting takes no time."""
    model, lag, counting, clock = source.load(("negative", "positive"), "cpu"), 1000.0, [], [0.0]

    @contextmanager
    def slow(device):
        with peak_of_memory(device) as peak:
            peak.slows = slows
            counting.append(True)
            yield peak
            counting.clear()

    monkeypatch.setattr(attrimark.run.attribute, "peak_of_memory", slow)
    monkeypatch.setattr(attrimark.run.attribute.time, "perf_counter", lambda: clock[0])

    def takes_time(*given):
        clock[0] += 1 + (lag if counting else 0)

    model.network.register_forward_pre_hook(takes_time)
    with model.active():
        explained = attribute(prepare(model, EXAMPLES, "predicted", "word"), method).explained
    longest, *others = sorted((each.own for each in explained), key=lambda own: own.flops, reverse=True)
    rate = sum(own.seconds for own in others) / sum(own.flops for own in others)
    assert (longest.seconds == pytest.approx(rate * longest.flops)) == slows
    assert (longest.seconds >= lag) == (not slows)
    assert longest.peak is not None


def test_what_needs_no_network_takes_as_long_for_the_longest_text_as_for_the_others():
    model = TinyEncoder().load(("negative", "positive"), "cpu")
    with model.active():
        explained = attribute(prepare(model, EXAMPLES, "predicted", "word"), Random()).explained
    seconds = [each.own.seconds for each in explained]
    assert seconds[1] == pytest.approx((seconds[0] + seconds[2]) / 2)
    assert explained[1].actual.seconds == seconds[1]


@SOURCES
def test_more_points_in_one_pass_hold_more_and_a_draw_holds_nothing(source):
    model = source.load(("negative", "positive"), "cpu")
    with model.active():
        prepared = prepare(model, EXAMPLES[:1], "predicted", "word")
        few, many, none = (
            attribute(prepared, method).explained[0].own.peak
            for method in (IntegratedGradients(steps=2), IntegratedGradients(steps=20), Random())
        )
    assert none == 0
    assert many > 5 * few


def test_the_peak_of_several_explanations_is_the_largest_that_is_known():
    costs = [Cost(tokens=2), Cost(tokens=3, peak=5), Cost(tokens=4, peak=4)]
    assert sum(costs, Cost()) == Cost(tokens=9, peak=5)
    assert Cost() + Cost(tokens=1) == Cost(tokens=1)
