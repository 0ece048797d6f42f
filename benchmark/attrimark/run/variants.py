"""Variants' networks: loaded, fine-tuned and quantized, the trained ones kept on disk so that none is trained twice.

A variant is a model source and a chain of steps. Each prefix of the chain has an address, a hash of all that decides
its weights; the weights that fine-tuning moved are kept under it, and quantized ones are made again from them. The
folder may be deleted at any time: what is missing is trained again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attrimark_registry.errors import AttrimarkError
from attrimark_registry.model import Model
from attrimark_registry.plugin import Quantizer, Strategy
from attrimark_registry.self_check import SelfCheck, self_check
from torch import Tensor

from attrimark.results.bundle import SUFFIX
from attrimark.suite.matrix import Variant, splits_of
from attrimark.suite.numerics import Asked, numerics

from .guard.guard import left_as_found
from .kept_weights import keep_weights, kept_weights

log = logging.getLogger("attrimark.run.variants")

Advance = Callable[[str], None]  # told which step is being taken


class Variants:
    """Networks of one worker: what its variants have in common is loaded once.

    Args:
        folder: where trained weights are kept.
    """

    def __init__(self, device: str, folder: Path) -> None:
        self.device = device
        self.folder = folder
        self._shared: tuple[Any, Model] | None = None  # the network before any training, by what made it
        self._missing: tuple[Any, AttrimarkError] | None = None  # what could not be had: a hub is asked once
        self._held: tuple[Any, dict[int, Model]] = (None, {})  # trained together, and of a kind that is not kept
        self._checks: dict[Any, SelfCheck] = {}  # by all that decides a network but its seed

    def get(self, variant: Variant, seeds: Sequence[int], advance: Advance = lambda step: None) -> Model:
        """The variant's model.

        Args:
            seeds: of all variants that differ from this one in their seed only: what can be trained together is.
        """
        model, done = self._untrained(variant, advance)
        for place in range(done, len(variant.chain)):
            step = variant.chain[place]
            if isinstance(step, Quantizer):
                advance(str(step))
                model = self._quantized(step, model)
            else:
                model = self._tuned(variant, place, step, model, seeds, advance)
        return model

    def checked(self, variant: Variant, model: Model) -> tuple[Model, SelfCheck]:
        """The model, handled as its self-check says; seeds do not differ in that, so they are checked once.

        Raises:
            AttrimarkError: the network's numbers cannot be trusted.
        """
        kind = splits_of(variant.dataset).labels, variant.model, variant.chain
        examples = variant.examples
        if kind not in self._checks:
            self._checks[kind] = self_check(model, examples)
        return model.handled(self._checks[kind].handling), self._checks[kind]

    def _untrained(self, variant: Variant, advance: Advance) -> tuple[Model, int]:
        """The loaded network after the quantizers that stand before any training, and how many these are."""
        leading = next(
            (place for place, step in enumerate(variant.chain) if isinstance(step, Strategy)), len(variant.chain)
        )
        labels = splits_of(variant.dataset).labels
        made_of = labels, variant.model, variant.chain[:leading]
        if self._missing and self._missing[0] == made_of:
            raise self._missing[1]
        if self._shared is None or self._shared[0] != made_of:
            self._shared, self._held = None, (None, {})  # free memory before loading
            advance(f"load {variant.model.name}")
            try:
                model = variant.model.load(labels, self._first_device(variant))
            except AttrimarkError as error:
                self._missing = made_of, error
                raise
            for step in variant.chain[:leading]:
                if isinstance(step, Quantizer):
                    model = self._quantized(step, model)
            self._shared = made_of, model
        return self._shared[1], leading

    def _first_device(self, variant: Variant) -> str:
        """Where the network is loaded: what is quantized before anything else may be too large for the device."""
        moving = [step for step in variant.chain if isinstance(step, Quantizer) or step.trains]
        return "cpu" if moving and isinstance(moving[0], Quantizer) else self.device

    def _quantized(self, step: Quantizer, model: Model) -> Model:
        with left_as_found(model, str(step)):
            quantized = step.quantize(model, self.device)
        for each in (quantized, quantized.pretrained):
            if each:
                each.network.to(self.device)
        return quantized

    def _tuned(
        self, variant: Variant, place: int, step: Strategy, model: Model, seeds: Sequence[int], advance: Advance
    ) -> Model:
        address = address_of(variant, place)
        known = self._restored(address, step, model)
        if known:
            return known
        held_by = variant.origin, place
        if self._held[0] == held_by and variant.seed in self._held[1]:
            return self._held[1][variant.seed]
        wanted = self._wanted(variant, place, step, seeds)
        doing = f"train {step.name}" if step.trains else step.name
        advance(doing + (f", {len(wanted)} seeds" if len(wanted) > 1 else ""))
        with left_as_found(model, str(step)):
            trained = dict(zip(wanted, step.fine_tune(model, variant.training, wanted), strict=True))
        if step.blank(model) is None:
            self._held = (held_by, trained) if len(wanted) > 1 else (None, {})
        else:
            for seed, tuned in trained.items():
                self._keep(address_of(replace(variant, seed=seed), place), tuned)
        return trained[variant.seed]

    def _wanted(self, variant: Variant, place: int, step: Strategy, seeds: Sequence[int]) -> list[int]:
        """The seeds to train now: all that are not kept, where they can be trained together from this network."""
        alone = any(isinstance(each, Strategy) and each.seeded for each in variant.chain[:place])
        if not (step.seeded and step.together) or alone:
            return [variant.seed]
        missing = [seed for seed in seeds if not self._path(address_of(replace(variant, seed=seed), place)).exists()]
        return list(dict.fromkeys([*missing, variant.seed]))

    def _keep(self, address: str, tuned: Model) -> None:
        weights = tuned.network.state_dict()
        if tuned.tuned:
            keep_weights({name: weights[name] for name in tuned.tuned}, self._path(address))

    def _restored(self, address: str, step: Strategy, model: Model) -> Model | None:
        path = self._path(address)
        if not path.exists() or path.is_symlink():
            return None
        blank = step.blank(model)
        if blank is None:
            return None
        try:
            fill(blank, kept_weights(path))
        except (AttrimarkError, RuntimeError) as error:
            log.warning("%s cannot be used (%s): the variant is trained again", path, error)
            path.unlink(missing_ok=True)
            return None
        return blank

    def _path(self, address: str) -> Path:
        return self.folder / f"{address}{SUFFIX}"


def fill(blank: Model, weights: Mapping[str, Tensor]) -> None:
    """Put the weights that fine-tuning moved into a model that has all others.

    Raises:
        AttrimarkError: they are not those that the model lacks.
    """
    if set(weights) != blank.tuned:
        odd = sorted(set(weights) ^ blank.tuned)
        raise AttrimarkError(f"weights do not fit: {', '.join(odd[:3])}")
    unexpected = blank.network.load_state_dict(weights, strict=False).unexpected_keys
    if unexpected:
        raise AttrimarkError(f"weights do not fit: {', '.join(unexpected[:3])}")


def address_of(variant: Variant, place: int) -> str:
    """A hash of all that decides the weights after the step at `place`: data, network, steps so far, and seed."""
    parts = variant.parts
    steps = variant.chain[: place + 1]
    seeded = any(isinstance(step, Strategy) and step.seeded for step in steps)
    decides = {
        "training": parts["training"],
        "labels": parts["labels"],
        "model": parts["model"],
        "steps": [dict(step.identity) for step in steps],
        "seed": variant.seed if seeded else None,
    }
    # heads of our own read another state of a decoder than they did
    trained = numerics(variant.kinds, Asked(None, (), variant.trains))
    decides |= {"numerics": trained} if trained else {}
    return hashlib.sha256(json.dumps(decides, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
