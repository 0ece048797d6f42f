"""How long the leaderboards of a large store take: 100,000 cells of 100 values each, from the database to the tables.

    python performance/boards.py

The values are drawn (they decide no time), and stored as a run stores them, but for the disk's confirmation of each.
What is timed begins with the suite as read, and ends with all boards as text: 100 networks by 50 seeds and 20 methods,
each with 50 texts under two removal operators. The peak of the process is given less its peak before, which is
that of the imports and of drawing and storing the values.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path
from time import perf_counter

import machine
import numpy as np
from attrimark.document.render.terminal import Terminal
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.studies import built_in
from attrimark.suite.matrix import Cell, cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark.suite.suite import Suite
from attrimark_registry import Cost, Measure, Record, load_catalog

VERSIONS = ("attrimark", "numpy", "scipy")
OPERATORS = ("mask", "delete")
MEGABYTE = 1024  # of the kilobytes in which Linux counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--methods", type=int, default=20, help="random among them")
    parser.add_argument("--texts", type=int, default=50)
    given = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store") as store:
        suite = suite_of(given.networks, given.seeds, given.methods, given.texts, Path(folder))
        cells = fill(suite, store)
        study = next(each for each in built_in() if each.name == "leaderboard")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = perf_counter()
        results = Results(suite, store)
        steps = {"cells": len(results.cells)}
        marks = [perf_counter()]
        steps["records"] = len(results.records)
        marks.append(perf_counter())
        found = study.analyse(results)
        steps["boards"] = len(found)
        marks.append(perf_counter())
        lines = Terminal().render(study.document(found, suite)).count("\n")
        steps["lines"] = lines
        marks.append(perf_counter())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    for name, told in machine.described(VERSIONS).items():
        print(f"{name}: {told}")
    print(f"{cells} cells of {given.texts * len(OPERATORS)} values each")
    for (name, number), one, other in zip(steps.items(), [start, *marks], marks, strict=False):
        print(f"{number} {name}: {other - one:.2f} s")
    print(f"together: {marks[-1] - start:.2f} s; peak above the imports and the filling: {peak / MEGABYTE:.0f} MB")


def suite_of(networks: int, seeds: int, methods: int, texts: int, folder: Path) -> Suite:
    """As many networks as asked for, each a seeded tiny one; each method random, or as many orders as its number."""
    models = ", ".join(f'{{ name = "tiny-encoder", seed = {seed} }}' for seed in range(networks))
    orders = ", ".join(f'{{ name = "shapley-sampling", permutations = {each} }}' for each in range(1, methods))
    path = folder / "benchmarks.toml"
    path.write_text(f"""
[suites.drawn]
datasets = [{{ name = "planted", train = 8, validation = 0, test = {texts} }}]
models = [{models}]
strategies = [{{ name = "full", epochs = 1 }}]
seeds = {seeds}
methods = ["random", {orders}]
metrics = ["comprehensiveness"]
explain = {texts}
""")
    return read_suite(path, "drawn", load_catalog())


def fill(suite: Suite, store: Store) -> int:
    """A record for each cell of a method; returns their number."""
    rng = np.random.default_rng(0)
    store._database.execute("PRAGMA synchronous = OFF")
    cells = [cell for cell in cells_of(suite) if cell.method is not None]
    for cell in cells:
        store.save(drawn(cell, rng))
    return len(cells)


def drawn(cell: Cell, rng: np.random.Generator) -> Record:
    """Normal values of every text under both operators."""
    (digest,) = cell.judgements
    values = rng.standard_normal((len(OPERATORS), len(cell.variant.examples)))
    measures = [
        Measure(digest, example.id, operator, float(value))
        for operator, of_operator in zip(OPERATORS, values, strict=True)
        for example, value in zip(cell.variant.examples, of_operator, strict=True)
    ]
    specs = {**cell.specs, "operator": "mask"}
    return Record(cell.id, specs, "ok", own=Cost(forwards=1, tokens=1), measures=measures)


if __name__ == "__main__":
    main()
