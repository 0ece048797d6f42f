"""On a device apart from the machine's memory everything runs as in memory: on one made up, and on a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from attrimark.run.prepare import prepare
from attrimark.run.run_cell import run_cell
from attrimark.run.variants import Variants
from attrimark.suite.matrix import Cell, Variant
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.models.tiny import TinyCausal, TinyEncoder, TinyWriter
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_plugins.strategies.frozen import Frozen
from attrimark_plugins.strategies.full import Full
from attrimark_plugins.strategies.lora import Lora
from attrimark_plugins.strategies.reworded import Reworded
from attrimark_plugins.strategies.scaled import Scaled
from attrimark_registry import Method, Metric, ModelMethod, ModelMetric
from attrimark_registry.catalog import load_catalog

from tests.references.apart import a_device_apart
from tests.references.tiers import tiered

CATALOG = load_catalog()
DATA = Planted(train=16, validation=2, test=6)
ENCODER, CAUSAL, WRITER = TinyEncoder(layers=1), TinyCausal(layers=1, positions=256), TinyWriter(layers=1)
FAKE, FULL, LORA = Nf4(backend="fake"), Full(epochs=1), Lora(epochs=1)
VARIANTS = {
    "encoder": (ENCODER, ()),
    "encoder, trained": (ENCODER, (FULL,)),
    "encoder, head trained": (ENCODER, (Frozen(epochs=1),)),
    "encoder, adapted, then in four bits": (ENCODER, (LORA, FAKE)),
    "causal": (CAUSAL, ()),
    "causal, reworded, then in four bits": (CAUSAL, (Reworded(), FAKE)),
    "causal, adapted and scaled": (CAUSAL, (LORA, Scaled(alpha=0.5))),
    "writer": (WRITER, ()),
}
QUICK = ("encoder, adapted, then in four bits",)
UNTRAINED = [name for name, (_, chain) in VARIANTS.items() if not any(getattr(step, "trains", False) for step in chain)]


def test_the_device_that_is_made_up_refuses_what_a_gpu_refuses():
    with a_device_apart() as device:
        there = torch.arange(3.0).to(device)
        assert (there * 2 + 1).tolist() == [1, 3, 5]
        assert there.device == torch.device(device)
        with pytest.raises(RuntimeError, match="two devices"):
            there + torch.ones(3)
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
        assert (there + torch.tensor(1.0)).cpu().numpy().tolist() == [1, 2, 3]


@pytest.mark.parametrize("name", tiered(VARIANTS, QUICK.__contains__))
def test_methods_and_metrics_give_the_same_there_as_in_memory(name, tmp_path):
    expected = results(name, "cpu", tmp_path / "here")
    with a_device_apart() as device:
        agree(results(name, device, tmp_path / "there"), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("name", UNTRAINED)  # a GPU draws other numbers, so that it trains another network
def test_methods_and_metrics_give_the_same_on_a_gpu_as_in_memory(name, tmp_path):
    agree(results(name, "cuda", tmp_path / "there"), results(name, "cpu", tmp_path / "here"))


def agree(found: dict, expected: dict) -> None:
    for (cell, one), other in zip(expected.items(), found.values(), strict=True):
        assert one.record.status == other.record.status, (cell, other.record.reason)
        assert one.record.metric_status == other.record.metric_status
        for here, there in zip(one.attributions, other.attributions, strict=True):
            np.testing.assert_allclose(there.scores, here.scores, atol=1e-3, rtol=1e-3)
    assert "ok" in {outcome.record.status for outcome in found.values()}


def results(name: str, device: str, folder: Path) -> dict:
    """What every method and metric finds, by the method's name."""
    source, chain = VARIANTS[name]
    variant = Variant(DATA, source, chain, 0, "word", "predicted", 1, 16)
    model = Variants(device, folder).get(variant, [0])
    assert model.device.type == torch.device(device).type
    with model.active():
        prepared = prepare(model, variant.examples, variant.target, variant.granularity)
        methods = [method for method in every(Method) if not variant.chain or isinstance(method, ModelMethod)]
        return {str(method): run_cell(cell_of(variant, method), prepared) for method in (None, *methods)}


def cell_of(variant: Variant, method: Method | None) -> Cell:
    """With all metrics of models alone, or all of explanations for one method: they compute the same for each."""
    metrics = [metric for metric in every(Metric) if isinstance(metric, ModelMetric) == (method is None)]
    chosen = metrics if method is None or isinstance(method, LeaveOneOut) else ()
    return Cell(variant, method, 0, 0, None, None, "sum", tuple(chosen))


def every(kind: type) -> list:
    """The installed plugins of a kind that need no options; what bitsandbytes packs is on no device made up."""
    made = []
    for entry in CATALOG:
        if issubclass(entry.plugin, kind):
            try:
                made.append(entry.plugin(**({"backend": "fake"} if "backend" in entry.plugin.model_fields else {})))
            except ValueError:
                continue
    return made
