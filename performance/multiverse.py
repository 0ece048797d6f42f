"""How long a multiverse takes: 96 analyses of 20 methods, from raw outputs on disk to every verdict.

    python performance/multiverse.py

The raw outputs are drawn (their values decide no time) and written as a run would leave them: a file for each of 20
methods × 5 seeds, of 40 texts, two removal operators, two poolings and four lengths. What is timed begins with reading
them, and ends with each method compared with random and with the next in rank, by both metrics, in 2 × 2 × 2 × 4 × 3
analyses. No network is made, and nothing goes through one.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import machine
import numpy as np
from attrimark.results.outputs_file import outputs_path, write_outputs
from attrimark.results.raw_outputs import RawOutputs
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.studies.multiverse.multiverse import multiverses
from attrimark.suite.matrix import Cell, cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark.suite.suite import Suite
from attrimark_registry import Record, load_catalog

VERSIONS = ("attrimark", "numpy", "scipy")
LABELS = ("negative", "positive")
OPERATORS = ("mask", "delete")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", type=int, default=20, help="random among them")
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        suite = suite_of(given.methods, given.texts, given.seeds, Path(folder))
        rng = np.random.default_rng(0)
        for cell in cells_of(suite):
            if cell.method is not None:
                write_outputs(drawn(cell, rng), outputs_path(store.folder, *cell.outputs))
                store.save(Record(cell.id, cell.specs, "ok", metric_status=dict.fromkeys(cell.outputs, ("ok", None))))
        start = perf_counter()
        (found,) = multiverses(Results(suite, store))
        seconds = perf_counter() - start
    for name, told in machine.described(VERSIONS).items():
        print(f"{name}: {told}")
    work = f"{len(found.ranked['sufficiency'])} methods, {found.texts} texts, {found.seeds} seeds"
    print(f"{work}: {len(found.curves)} pairs in {found.levels.analyses} analyses each: {seconds:.1f} seconds")


def suite_of(methods: int, texts: int, seeds: int, folder: Path) -> Suite:
    """As many methods as asked for, each random or Shapley sampling by another number of orders."""
    others = [f'{{ name = "shapley-sampling", permutations = {orders} }}' for orders in range(1, methods)]
    path = folder / "benchmarks.toml"
    path.write_text(f"""
[suites.drawn]
datasets = [{{ name = "planted", train = 8, validation = 0, test = {max(8, texts)} }}]
models = [{{ name = "tiny-encoder", layers = 1 }}]
strategies = ["full"]
seeds = {seeds}
methods = ["random", {", ".join(others)}]
metrics = ["sufficiency", "comprehensiveness"]
explain = {texts}
operators = ["mask", "delete"]

[suites.drawn.multiverse]
lengths = [0.1, 0.2, 0.3, 0.5]
poolings = ["sum", "max"]
readings = ["probability", "log-odds"]
classes = ["predicted", "labels"]
""")
    return read_suite(path, "drawn", load_catalog())


def drawn(cell: Cell, rng: np.random.Generator) -> RawOutputs:
    """Normal logits of every subset; each label is predicted, and explained, on half of the texts."""
    (asked,) = cell.captures
    texts = tuple(example.id for example in cell.variant.examples)
    choices = len(asked.poolings) * len(asked.lengths)
    places = np.arange(len(texts) * len(OPERATORS) * choices)
    of_text = len(OPERATORS) * (2 + 2 * choices)  # full and empty, then what is kept and what is removed
    starts = np.arange(len(texts) * len(OPERATORS)).reshape(len(texts), len(OPERATORS)) * (2 + 2 * choices)
    kept = starts.ravel().repeat(choices) + 2 + 2 * np.tile(np.arange(choices), starts.size)
    decided = np.arange(len(texts)) % len(LABELS)
    return RawOutputs(
        texts=texts,
        labels=LABELS,
        operators=OPERATORS,
        poolings=asked.poolings,
        lengths=asked.lengths,
        outputs=rng.standard_normal((of_text * len(texts), len(LABELS)), dtype=np.float32),
        text=np.arange(len(texts)).repeat(of_text),
        full=starts[:, 0],
        empty=starts + 1,
        rationale=places,
        kept=kept,
        removed=kept + 1,
        weights=np.ones(len(places)),
        predicted=decided[:, None] == np.arange(len(LABELS)),
        explained=decided[:, None] == np.arange(len(LABELS)),
        gold=decided,
    )


if __name__ == "__main__":
    main()
