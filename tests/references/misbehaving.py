"""A method that leaves behind what it must not: one for each way in which a stranger's code has been seen to do it.

What it returns is in order, so that nothing but what it left behind gives it away.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrimark_registry import ModelMethod, ModelMetric, hookimpl
from attrimark_registry.attribution import Scores
from tokenizers import normalizers, pre_tokenizers, processors

print("said while it was imported")


def of(model: Any, kind: str) -> Any:
    """The first module whose class is called so."""
    return next(module for module in model.network.modules() if kind in type(module).__name__)


def weight(model: Any) -> torch.Tensor:
    return of(model, "Linear").weight


def patched(model: Any) -> None:
    kind = type(of(model, "SelfAttention"))
    original = kind.forward
    PATCHED.append((kind, original))

    def forward(self: Any, *given: Any, **named: Any) -> Any:
        first, *others = original(self, *given, **named)
        return (first * 1.01, *others)

    kind.forward = forward


def doubled(module: Any, given: Any, made: Any) -> Any:
    return (given[0] * 2,)


def rows(batch: Any) -> None:
    ids = batch.rows[0].ids
    ids.setflags(write=True)
    ids[1:-1] = ids[1]


def forked() -> None:
    if os.fork() == 0:
        os._exit(0)


def raises(error: BaseException) -> None:
    raise error


def deletes() -> None:
    """Its worker's spool, again and again."""
    spool = Path(sys.argv[sys.argv.index("--store") + 1]) / "spool"

    def run() -> None:
        while True:
            for path in spool.glob("*.safetensors"):
                path.unlink(missing_ok=True)

    threading.Thread(target=run, daemon=True).start()


def hangs() -> None:
    while True:
        time.sleep(1)


PATCHED: list[tuple[Any, Any]] = []
KEPT: list[Any] = []

# by what it leaves behind: how, and what a record says of it
NETWORK: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "forward-hook": (
        lambda model, batch: of(model, "Encoder").register_forward_hook(lambda module, given, made: None),
        "hooks of",
    ),
    "scaling-hook": (
        lambda model, batch: of(model, "Linear").register_forward_hook(lambda module, given, made: made * 2),
        "hooks of",
    ),
    "backward-hook": (
        lambda model, batch: of(model, "Linear").register_full_backward_hook(
            lambda module, given, made: (given[0] * 2,)
        ),
        "hooks of",
    ),
    "global-hook": (
        lambda model, batch: torch.nn.modules.module.register_module_forward_hook(lambda module, given, made: None),
        "hooks of all modules",
    ),
    "weight-data": (lambda model, batch: weight(model).data.mul_(1.01), "the weights"),
    "weight-view": (
        lambda model, batch: np.multiply(view := weight(model).detach().numpy(), 1.01, out=view),
        "weights",
    ),
    "weight-storage": (lambda model, batch: weight(model).untyped_storage().fill_(0), "the weights"),
    "embedding-row": (
        lambda model, batch: model.network.get_input_embeddings().weight.data[7].add_(1),
        "embeddings.weight",
    ),
    "buffer": (lambda model, batch: next(model.network.buffers()).add_(1), "the weights"),
    "epsilon": (lambda model, batch: setattr(of(model, "LayerNorm"), "eps", 0.1), "eps of"),
    "train-mode": (lambda model, batch: model.network.train(), "the mode of"),
    "requires-grad": (lambda model, batch: weight(model).requires_grad_(), "needs a gradient"),
    "attention": (lambda model, batch: model.network.set_attn_implementation("eager"), "attention"),
    "config": (lambda model, batch: setattr(model.network.config, "hidden_act", "relu"), "the network's config"),
    "module": (lambda model, batch: setattr(model.network, "added", torch.nn.Linear(1, 1)), "added"),
    "instance": (lambda model, batch: setattr(of(model, "Linear"), "forward", lambda given: given), "the kind of"),
    "patched-class": (lambda model, batch: patched(model), "the code of"),
    "tokenizer": (lambda model, batch: model.tokenizer.add_tokens(["gooood"]), "the tokenizer's vocabulary"),
    "normalizer": (
        lambda model, batch: setattr(model.tokenizer.backend_tokenizer, "normalizer", normalizers.Prepend("x")),
        "the tokenizer's backend (normalizer)",
    ),
    "pre-tokenizer": (
        lambda model, batch: setattr(model.tokenizer.backend_tokenizer, "pre_tokenizer", pre_tokenizers.Whitespace()),
        "the tokenizer's backend (pre_tokenizer)",
    ),
    "post-processor": (
        lambda model, batch: setattr(
            model.tokenizer.backend_tokenizer, "post_processor", processors.TemplateProcessing(single="$0 $0")
        ),
        "the tokenizer's backend (post_processor)",
    ),
    "rows": (lambda model, batch: rows(batch), "the rows' arrays"),
}
PROCESS: dict[str, tuple[Callable[[], Any], str]] = {
    "default-dtype": (lambda: torch.set_default_dtype(torch.float64), "torch's default dtype"),
    "default-device": (lambda: torch.set_default_device("meta"), "torch's default device"),
    "threads": (lambda: torch.set_num_threads(torch.get_num_threads() + 1), "torch's number of threads"),
    "no-grad": (lambda: torch.set_grad_enabled(False), "whether torch records gradients"),
    "directory": (lambda: os.chdir("/"), "the working directory"),
    "environment": (lambda: os.environ.update(OMP_NUM_THREADS="7"), "the environment variable OMP_NUM_THREADS"),
    "signal": (lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN), "the handler of SIGTERM"),
    "numpy-errors": (lambda: np.seterr(all="raise"), "numpy's treatment of errors"),
}
# what takes the call, or its process, along: how, and the cause that a record has
OTHERS: dict[str, tuple[Callable[[Any], Any], str | None]] = {
    "ids": (lambda batch: batch.input_ids.fill_(0), None),
    "forks": (lambda batch: forked(), None),
    "half-a-character": (lambda batch: raises(ValueError("on purpose: " + chr(0xD800))), "exception"),
    "raises": (lambda batch: raises(ZeroDivisionError("on purpose")), "exception"),
    "exits": (lambda batch: raises(SystemExit(3)), "exception"),
    "memory": (lambda batch: KEPT.append(np.empty(2**50)), "oom"),
    "deletes": (lambda batch: deletes(), "crashed"),
    "closes": (lambda batch: os.closerange(3, 256), "crashed"),
    "dies": (lambda batch: os.kill(os.getpid(), signal.SIGKILL), "crashed"),
    "hangs": (lambda batch: hangs(), "timeout"),
}


class Misbehaving(ModelMethod):
    """Does one of them."""

    name = "misbehaving"

    how: str

    def attribute(self, model, batch, rngs):
        if self.how in NETWORK:
            NETWORK[self.how][0](model, batch)
        elif self.how in PROCESS:
            PROCESS[self.how][0]()
        else:
            OTHERS[self.how][0](batch)
        return Scores(torch.stack([torch.from_numpy(rng.random(batch.input_ids.shape[1])) for rng in rngs]))


class Damaging(ModelMetric):
    """A metric that damages what it measures."""

    name = "damaging"
    bounds = (0.0, 1.0)

    def measure(self, model, examples):
        del examples
        weight(model).data.mul_(2)
        return 1.0


@hookimpl
def register_methods():
    return [Misbehaving]


@hookimpl
def register_metrics():
    return [Damaging]
