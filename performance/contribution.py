"""How much longer than one forward TuCo takes.

    python performance/contribution.py --texts 8 --batches 1 8

Film reviews in Videneeva's prompt, explained by SmolLM2 with an adapter, its weights in float32 and in NF4. The one
forward is the fine-tuned network's, in the batches that TuCo takes too; both in this process, in turns.
"""

from __future__ import annotations

import argparse
import os
from functools import partial

# waiting threads must not take the cores from each other where others compute too
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import machine
import numpy as np
import torch
from attrimark.run.machine import cores
from attrimark_plugins.datasets.rated_snippets import RatedSnippets
from attrimark_plugins.methods.shared.contributions import read
from attrimark_plugins.methods.tuco import TuCo
from attrimark_plugins.models.smollm2 import Smollm2
from attrimark_plugins.strategies.lora import Lora
from attrimark_plugins.strategies.qlora import QLora
from attrimark_registry import Batch, Model
from interleaved import timed_in_turns
from tabulate import tabulate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=8)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8], help="texts at a time")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name, value in machine.described(("attrimark", "torch", "transformers", "peft", "bitsandbytes")).items():
        print(f"{name}: {value}")
    splits = RatedSnippets(domain="movies", minimum=1.0, shortest=14, longest=30).load()
    lines = []
    for strategy in (Lora(epochs=1, batch_size=8), QLora(epochs=1, batch_size=8)):
        (model,) = strategy.fine_tune(Smollm2().load(splits.labels, given.device), splits.train[:8], [0])
        with model.active():
            rows = model.decide([model.encode(example) for example in splits.test[: given.texts]])
            for size in given.batches:
                batches = [model.collate(rows[start : start + size]) for start in range(0, len(rows), size)]
                lines.append([strategy.name, size, *compared(model, batches, given.rounds)])
    print(tabulate(lines, ["fine-tuned by", "texts at a time", "forward, s", "TuCo, s", "÷", "÷, processor"]))


def compared(model: Model, batches: list[Batch], rounds: int) -> list[str]:
    """Median seconds of a text, and how many times as long TuCo takes."""
    texts = sum(map(len, batches))
    ways = {"forward": partial(one_forward, model, batches), "tuco": partial(tuco, model, batches)}
    for way in ways.values():
        way()  # warm
    wait = torch.cuda.synchronize if model.device.type == "cuda" else lambda: None
    forward, contributed = timed_in_turns(ways, rounds, wait).values()
    seconds = [f"{each.seconds / texts:.3g}" for each in (forward, contributed)]
    return [*seconds, f"{contributed.ratio:.2f}", f"{contributed.processor_ratio:.2f}"]


def one_forward(model: Model, batches: list[Batch]) -> None:
    with torch.no_grad():
        for batch in batches:
            read(model, batch)


def tuco(model: Model, batches: list[Batch]) -> None:
    for batch in batches:
        TuCo().attribute(model, batch, [np.random.default_rng(0)] * len(batch))


if __name__ == "__main__":
    main()
