"""With `isolate` every method does all of its own work, so that its seconds are its own."""

import pytest
from attrimark.run.prepare import prepare
from attrimark.run.run_cell import run_cell
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_registry.catalog import load_catalog

SUITE = """
[suites.timed]
datasets = [{{ name = "planted", train = 2, validation = 1, test = 4 }}]
models = [{{ name = "tiny-causal", layers = 1 }}]
methods = ["shapley-exact", "leave-one-out", {{ name = "integrated-gradients", steps = 4 }}]
metrics = ["sufficiency"]
isolate = {isolate}
explain = 4
"""


@pytest.mark.long
@pytest.mark.parametrize("isolate", [True, False])
def test_what_a_method_shares_with_others(isolate, tmp_path):
    path = tmp_path / "benchmarks.toml"
    path.write_text(SUITE.format(isolate=str(isolate).lower()))
    cells = [cell for cell in cells_of(read_suite(path, "timed", load_catalog())) if cell.method]
    variant = cells[0].variant
    model = variant.model.load(("negative", "positive"), "cpu")
    with model.active():
        prepared = prepare(model, variant.examples, "predicted", "word")
        costs = {cell.method.name: run_cell(cell, prepared).record for cell in cells}
    for name in ("shapley-exact", "integrated-gradients"):
        assert costs[name].actual.forwards == costs[name].own.forwards > 0
    # all that leave-one-out asks for is among what exact Shapley values took
    shared, own = costs["leave-one-out"].actual.forwards, costs["leave-one-out"].own.forwards
    assert (shared == own) if isolate else (shared < own)
    assert all(record.own.seconds > 0 and record.own.peak > 0 for record in costs.values())
