"""Curves over rationale lengths, from what a run has stored."""

from dataclasses import replace
from pathlib import Path

import pytest
from attrimark.document.figures import save_drawings
from attrimark.results.results import Results
from attrimark.results.store import Store
from attrimark.studies.rationale_curves.curves import curves, drawn, section
from attrimark.suite.matrix import cells_of
from attrimark.suite.suite import Matrix, Suite
from attrimark_plugins.datasets.planted import Planted
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.methods.random import Random
from attrimark_plugins.metrics.aopc import AopcSufficiency
from attrimark_plugins.metrics.sufficiency import Sufficiency
from attrimark_plugins.models.tiny import TinyEncoder
from attrimark_plugins.quantizers.none import NoQuantization
from attrimark_registry.attribution import Measure, Record

SUITE = Suite(
    "curved",
    (
        Matrix(
            datasets=(Planted(train=10, validation=2, test=2),),
            models=(TinyEncoder(layers=1),),
            methods=(Random(), LeaveOneOut()),
            metrics=(Sufficiency(), AopcSufficiency(ratios=(0.2, 0.5))),
            quantizers=(NoQuantization(),),
            explain=2,
        ),
    ),
)


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "store") as store:
        for cell in cells_of(SUITE):
            if cell.method is not None:
                told = (
                    {"at 0.2": 0.5, "at 0.5": 0.1} if cell.method == LeaveOneOut() else {"at 0.2": 0.7, "at 0.5": 0.3}
                )
                moved = {name: value + 0.1 for name, value in told.items()}
                measures = [
                    measure
                    for digest, metric in cell.judgements.items()
                    for measure in (
                        Measure(
                            digest, "a", "delete", 0.4, told if metric.name == "aopc-sufficiency" else {"kept": 0.2}
                        ),
                        Measure(digest, "b", "delete", 0.4, moved if metric.name == "aopc-sufficiency" else {}),
                    )
                ]
                store.save(Record(cell.id, cell.specs, "ok", measures=tuple(measures)))
        yield store


def test_a_curve_is_the_mean_of_the_points_of_all_texts(store: Store):
    (curve,) = curves(Results(SUITE, store))
    assert curve.metric == "aopc-sufficiency(ratios=[0.2, 0.5])"
    assert not curve.higher_is_better
    assert curve.points == {
        "delete": {
            "random": pytest.approx({0.2: 0.75, 0.5: 0.35}),
            "leave-one-out": pytest.approx({0.2: 0.55, 0.5: 0.15}),
        }
    }


def test_a_line_for_each_method_is_drawn_and_written(store: Store, tmp_path: Path):
    (curve,) = curves(Results(SUITE, store))
    assert len(drawn(curve).axes[0].lines) == 2
    written = save_drawings(section(curves(Results(SUITE, store))).drawings, tmp_path / "figures")
    assert sorted(path.suffix for path in written) == [".png", ".svg"]
    assert all(path.stat().st_size for path in written)


def test_metrics_without_points_have_no_curve(store: Store):
    other = Suite("plain", (replace(SUITE.matrices[0], metrics=(Sufficiency(),)),))
    assert curves(Results(other, store)) == []
