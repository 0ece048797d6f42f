"""Trained networks are kept by what decides them, put back bit for bit, and made again where they are damaged."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from attrimark.run.variants import Variants, address_of, fill
from attrimark.suite.matrix import Variant
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.models.tiny import TinyEncoder
from attrimark_plugins.quantizers.nf4 import Nf4
from attrimark_plugins.quantizers.shared import four_bit
from attrimark_plugins.strategies.frozen import Frozen
from attrimark_plugins.strategies.full import Full
from attrimark_plugins.strategies.lora import Lora
from attrimark_plugins.strategies.reworded import Reworded
from attrimark_registry import AttrimarkError, ModelSource
from safetensors.torch import load, save
from torch.testing import assert_close

FAKE = Nf4(backend="fake")
FULL, FROZEN, LORA = Full(epochs=1), Frozen(epochs=1), Lora(epochs=1)
CHAINS = [(FULL,), (FROZEN,), (LORA,), (FULL, FAKE), (FROZEN, FAKE), (LORA, FAKE), (FAKE, LORA), (FULL, LORA)]


def variant(*chain, seed=0, train=16):
    data = Planted(train=16, validation=0, test=4)
    model = TinyEncoder(layers=1, width=16, heads=2)
    return Variant(data, model, chain, seed, "word", "gold", 2, train)


def outputs(model, example):
    with torch.no_grad():
        return model.outputs(model.collate([model.encode(example)]))


@pytest.fixture
def trained(monkeypatch):
    """The seeds of each training that happened."""
    calls = []
    for strategy in (Full, Frozen, Lora):
        original = strategy.fine_tune

        def counted(self, model, train, seeds, original=original):
            calls.append((self.name, list(seeds)))
            return original(self, model, train, seeds)

        monkeypatch.setattr(strategy, "fine_tune", counted)
    return calls


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: " → ".join(step.name for step in chain))
def test_a_network_that_was_kept_is_the_one_that_was_trained(chain, tmp_path, trained):
    mine = variant(*chain, seed=3)
    first = Variants("cpu", tmp_path).get(mine, [3])
    count = len(trained)
    second = Variants("cpu", tmp_path).get(mine, [3])
    assert len(trained) == count > 0
    assert_close(outputs(first, mine.examples[0]), outputs(second, mine.examples[0]))
    if chain[-1] is not FAKE:  # whose rounded weights are not what is kept
        before, after = (each.network.state_dict() for each in (first, second))
        assert all(torch.equal(before[name], after[name]) for name in first.tuned)
    assert second.tuned == first.tuned
    assert second.packed == first.packed
    assert (second.pretrained is None) == (first.pretrained is None)


def test_quantizing_trains_nothing_again(tmp_path, trained):
    variants = Variants("cpu", tmp_path)
    for chain in [(FULL,), (FULL, FAKE), (FULL, Nf4(backend="fake", double_quant=True))]:
        variants.get(variant(*chain), [0])
    assert trained == [("full", [0])]


@pytest.mark.parametrize(
    ("chain", "device"),
    [((FAKE,), "cpu"), ((Reworded(), FAKE), "cpu"), ((FAKE, LORA), "cpu"), ((FULL, FAKE), "meta"), ((), "meta")],
    ids=lambda each: " → ".join(step.name for step in each) if isinstance(each, tuple) else each,
)
def test_what_is_quantized_first_is_loaded_into_the_machines_memory(chain, device, tmp_path, monkeypatch):
    class Loaded(Exception):
        """On which device."""

    def load(self, labels, device):
        raise Loaded(device)

    monkeypatch.setattr(TinyEncoder, "load", load)
    with pytest.raises(Loaded, match=device):
        Variants("meta", tmp_path).get(variant(*chain), [0])


def test_what_is_quantized_first_ends_on_the_device(tmp_path, monkeypatch):
    layers, quantize = [], four_bit._fake

    def told(layer, *options):
        layers.append((layer.weight.device.type, quantize(layer, *options)))
        return layers[-1][1]

    monkeypatch.setattr(four_bit, "_fake", told)
    model = Variants("meta", tmp_path).get(variant(FAKE), [0])
    assert {weight.device.type for weight in model.network.parameters()} == {"meta"}
    assert {(before, after.weight.device.type) for before, after in layers} == {("cpu", "meta")}  # one by one


def test_what_can_be_trained_together_is_and_the_rest_is_trained_when_it_is_needed(tmp_path, trained):
    variants = Variants("cpu", tmp_path)
    for chain in [(FROZEN,), (FULL,)]:
        for seed in (0, 1, 2):
            variants.get(variant(*chain, seed=seed), [0, 1, 2])
    assert trained == [("frozen", [0, 1, 2]), ("full", [0]), ("full", [1]), ("full", [2])]


def test_only_the_seeds_that_are_missing_are_trained(tmp_path, trained):
    Variants("cpu", tmp_path).get(variant(FROZEN, seed=1), [1])
    Variants("cpu", tmp_path).get(variant(FROZEN, seed=0), [0, 1, 2])
    assert trained == [("frozen", [1]), ("frozen", [0, 2])]


@pytest.mark.parametrize("damage", ["cut", "other", "flipped", "unsigned"])
def test_a_damaged_file_is_trained_again(damage, tmp_path, trained, caplog):
    mine = variant(FULL)
    first = outputs(Variants("cpu", tmp_path).get(mine, [0]), mine.examples[0])
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:-100])
    elif damage == "flipped":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "unsigned":  # as an earlier version wrote it
        path.write_bytes(save(load(content)))
    else:  # a whole file of another network
        Variants("cpu", tmp_path / "other").get(variant(FROZEN), [0])
        path.write_bytes(next((tmp_path / "other").iterdir()).read_bytes())
    again = Variants("cpu", tmp_path).get(mine, [0])
    assert "trained again" in caplog.text
    # rounded otherwise, a gradient near zero may step the other way; an untrained network is a tenth off
    assert_close(outputs(again, mine.examples[0]), first, atol=1e-3, rtol=0)
    assert trained.count(("full", [0])) == 2


def test_an_address_says_all_that_decides_the_weights_and_nothing_else():
    mine = variant(FULL, FAKE)
    address = address_of(mine, 0)
    assert address == address_of(variant(FULL), 0)
    assert address == address_of(replace(mine, target="predicted", explain=3, granularity="token"), 0)
    others = [
        variant(Full(epochs=2)),
        replace(mine, seed=1),
        replace(mine, train=8),
        replace(mine, model=TinyEncoder(layers=1, width=16, heads=2, seed=1)),
        replace(mine, dataset=Planted(train=16, validation=0, test=4, seed=1)),
        replace(mine, chain=(FAKE, LORA)),
    ]
    assert len({address, *(address_of(each, 0) for each in others)}) == 1 + len(others)


def test_weights_of_another_network_do_not_fit(tmp_path):
    blank = FULL.blank(TinyEncoder(layers=1, width=16, heads=2).load(("negative", "positive"), "cpu"))
    with pytest.raises(AttrimarkError, match="do not fit"):
        fill(blank, {"head.dense.weight": torch.zeros(16, 16)})


class Away(ModelSource):
    """A network that cannot be had."""

    name = "away"
    asked: ClassVar[list[str]] = []

    def load(self, labels, device):
        self.asked.append(device)
        raise AttrimarkError("the hub cannot be reached")


def test_what_cannot_be_had_is_asked_for_once(tmp_path):
    variants = Variants("cpu", tmp_path)
    for chain in [(FULL,), (FULL, FAKE), (FROZEN,)]:
        with pytest.raises(AttrimarkError, match="cannot be reached"):
            variants.get(replace(variant(*chain), model=Away()), [0])
    assert len(Away.asked) == 1
    assert variants.get(variant(), [0])  # others go on
