"""How much faster the heads of many seeds are trained all at once than one after another.

    python performance/frozen_heads.py --seeds 200 --widths 32 64 384 768

Both sides run warm in this process, in turns, with the same optimizer and draws, and the medians of their times are
compared. "One after another" calls the same code with one seed at a time; "modules" is the loop that a tutorial has,
`nn.Module` and `nn.Dropout`, for a few seeds and scaled up. Ratios mean little while other programs use the cores.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import torch
from attrimark_plugins.models.shared.encoder_with_head import Head
from attrimark_plugins.strategies.shared.heads import train_heads
from attrimark_plugins.strategies.shared.training import adamw
from torch import Tensor, nn

LABELS, BATCH, RATE, DECAY, DROPOUT = 2, 32, 1e-3, 0.01, 0.1
MODULES = 8  # seeds of the loop over modules: its time a seed is constant


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=200)
    options.add_argument("--widths", type=int, nargs="+", default=[32, 64, 384, 768])
    options.add_argument("--texts", type=int, default=640)
    options.add_argument("--epochs", type=int, default=1)
    options.add_argument("--repetitions", type=int, default=3)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--device", default="cpu")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    machine = _machine(chosen.device)
    if not chosen.json:
        print(f"{chosen.seeds} seeds, {chosen.texts} texts, {chosen.epochs} epochs, on {machine}")
    found = []
    for width in chosen.widths:
        row = compare(width, chosen.seeds, chosen.texts, chosen.epochs, chosen.repetitions, chosen.device)
        found.append(row)
        if not chosen.json:
            print(
                f"width {width:4}: all at once {row['together']:8.3f} s, one after another {row['alone']:8.3f} s "
                f"({row['alone'] / row['together']:.1f} times), modules {row['modules']:8.3f} s "
                f"({row['modules'] / row['together']:.1f} times)",
                flush=True,
            )
    if chosen.json:
        print(json.dumps({"machine": machine, **vars(chosen), "widths": found}))


def compare(width: int, seeds: int, texts: int, epochs: int, repetitions: int, device: str) -> dict[str, float]:
    """Median seconds for all seeds, of each way."""
    draws = torch.Generator().manual_seed(0)
    features = torch.randn(texts, width, generator=draws).to(device)
    gold = torch.randint(LABELS, (texts,), generator=draws).to(device)
    recipe = {
        "epochs": epochs,
        "batch_size": BATCH,
        "learning_rate": RATE,
        "weight_decay": DECAY,
        "dropout": DROPOUT,
    }
    some = min(MODULES, seeds)
    ways: dict[str, tuple[Callable[[], object], float]] = {
        "together": (lambda: train_heads(features, gold, LABELS, range(seeds), **recipe), 1.0),
        "alone": (lambda: [train_heads(features, gold, LABELS, [seed], **recipe) for seed in range(seeds)], 1.0),
        "modules": (lambda: [_modules(features, gold, epochs, seed) for seed in range(some)], seeds / some),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    train_heads(features, gold, LABELS, range(min(seeds, 8)), **recipe)  # warm
    _modules(features, gold, epochs, 0)
    for _ in range(repetitions):
        for way, (run, share) in ways.items():
            _wait(device)
            start = time.perf_counter()
            run()
            _wait(device)
            seconds[way].append(share * (time.perf_counter() - start))
    return {"width": width, **{way: statistics.median(each) for way, each in seconds.items()}}


def _modules(features: Tensor, gold: Tensor, epochs: int, seed: int) -> Head:
    torch.manual_seed(seed)
    head = Head(features.shape[1], LABELS, DROPOUT).to(features.device)
    optimizer = adamw([head.dense.weight, head.out_proj.weight], [head.dense.bias, head.out_proj.bias], RATE, DECAY)
    for _ in range(epochs):
        for batch in torch.randperm(len(features)).to(features.device).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(head(features[batch]), gold[batch]).backward()
            optimizer.step()
    return head.eval()


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _machine(device: str) -> str:
    name = torch.cuda.get_device_name() if device.startswith("cuda") else platform.processor() or platform.machine()
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"


if __name__ == "__main__":
    main()
