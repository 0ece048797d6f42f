"""What several matrices of a suite have in common is one cell, and loses nothing."""

from pathlib import Path

import pytest
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_registry.catalog import load_catalog
from attrimark_registry.errors import AttrimarkError

SUITE = """
[suites.two]
datasets = [{ name = "planted", train = 8, validation = 0, test = 4 }]
models = ["tiny-causal"]
methods = ["random", "leave-one-out"]

[[suites.two.matrix]]
metrics = ["sufficiency", "accuracy"]

[[suites.two.matrix]]
metrics = ["comprehensiveness", "accuracy", "parse-rate"]
methods = ["leave-one-out", "gradient"]
"""


def cells(tmp_path: Path, text: str) -> dict[str, list[str]]:
    """The metrics of each cell, by its method."""
    (tmp_path / "benchmarks.toml").write_text(text)
    suite = read_suite(tmp_path / "benchmarks.toml", "two", load_catalog())
    return {str(cell.method): [metric.name for metric in cell.judgements.values()] for cell in cells_of(suite)}


def test_a_cell_of_two_matrices_is_judged_by_the_metrics_of_both(tmp_path):
    assert cells(tmp_path, SUITE) == {
        "None": ["accuracy", "parse-rate"],
        "random": ["sufficiency"],
        "leave-one-out": ["sufficiency", "comprehensiveness"],
        "gradient": ["comprehensiveness"],
    }


def test_the_same_explanations_under_other_operators_are_refused(tmp_path):
    with pytest.raises(AttrimarkError, match="by leave-one-out, and name different operators"):
        cells(tmp_path, SUITE + 'operators = ["delete"]\n')


def test_the_model_alone_has_no_operators_to_differ(tmp_path):
    found = cells(tmp_path, SUITE.replace('["leave-one-out", "gradient"]', '["gradient"]') + 'operators = ["delete"]\n')
    assert found["None"] == ["accuracy", "parse-rate"]
