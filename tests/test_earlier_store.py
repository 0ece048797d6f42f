"""A store of an earlier version: what was right keeps its numbers, what was wrong is computed anew, and it is said.

`tests/earlier_store` was written by the version before self-checks: seven folders with networks of two blocks and width
8 (seed 0), four texts, and the results of three suites.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from attrimark.results.store import Store
from attrimark.run.job import from_json, to_json
from attrimark.run.scheduler import pending, take_over
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_plugins.models.llama_tiny import LlamaTiny
from attrimark_registry.attribution import Record
from attrimark_registry.catalog import load_catalog
from attrimark_registry.network_kinds import kinds_of_folder

FOLDER = Path(__file__).parent / "earlier_store"
# (folder, method): whether its explanations are kept
KEPT = {
    ("bert", None): True,
    ("bert", "leave-one-out"): True,
    ("bert", "raw-attention"): True,
    ("decoder", None): True,
    ("decoder", "leave-one-out"): True,
    ("decoder", "input-x-gradient"): False,
    ("mean-pooled", "input-x-gradient"): True,
    ("mean-pooled", "raw-attention"): False,
    ("multi-label", "leave-one-out"): False,
    ("padded", "leave-one-out"): False,
    ("llama", "leave-one-out"): True,
    ("llama", "integrated-gradients"): True,
    ("gemma", "leave-one-out"): False,
    ("gemma", "integrated-gradients"): True,
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cells_and_jobs(folder, name, store):
    cells = cells_of(read_suite(folder / "benchmarks.toml", name, load_catalog()))
    take_over(cells, store)
    return cells, pending(cells, store)


def test_what_was_right_keeps_its_numbers_and_what_was_wrong_does_not(here):
    kept = {}
    with Store(here / "store") as store:
        for name in ("classifiers", "prompted"):
            cells, jobs = cells_and_jobs(here, name, store)
            again = {task.cell.id for job in jobs for task in job.tasks if task.bundle is None}
            for cell in cells:
                folder = cell.variant.model.reference.removeprefix("path:")
                method = cell.method and cell.method.name
                kept[folder, method] = cell.id not in again and cell.id in store.records([cell.id])
    assert {key: kept[key] for key in KEPT} == KEPT


def test_metrics_that_removed_features_wrongly_are_computed_anew_from_explanations_that_are_kept(here):
    with Store(here / "store") as store:
        _, jobs = cells_and_jobs(here, "classifiers", store)
    decoder = [job for job in jobs if job.variant.model.reference == "path:decoder"]
    tasks = {task.cell.method and task.cell.method.name: task for job in decoder for task in job.tasks}
    assert tasks["leave-one-out"].bundle is not None
    assert len(tasks["leave-one-out"].wanted) == 1


def test_it_is_said_how_many_cells_are_computed_anew_and_why(here, caplog):
    with Store(here / "store") as store, caplog.at_level(logging.WARNING, "attrimark.run.scheduler"):
        cells_and_jobs(here, "classifiers", store)
    assert (
        "4 stored cells are computed anew: an earlier version had their numbers wrong (sigmoid head 2)" in caplog.text
    )
    assert "(decoder classifier 2)" in caplog.text


def test_weights_that_are_made_here_are_known_by_their_recipe_and_nothing_is_made_to_tell(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTRIMARK_CACHE", str(tmp_path))
    source = LlamaTiny(layers=1, width=8, heads=2, texts=20, epochs=1)
    assert source.fingerprint() == source.model_copy().fingerprint()
    assert source.former_fingerprint() is None
    assert source.fingerprint() != source.model_copy(update={"epochs": 2}).fingerprint()
    assert not list(tmp_path.iterdir())


def test_results_from_weights_that_were_made_here_are_taken_over(here, monkeypatch):
    # what the version that wrote the store took for these weights
    monkeypatch.setattr(LlamaTiny, "former_fingerprint", lambda self: "0a8ef83625db6f43")
    monkeypatch.setattr(LlamaTiny, "former_weights", lambda self: "of then")
    with Store(here / "store") as store:
        cells, jobs = cells_and_jobs(here, "made", store)
        records = store.records(cell.id for cell in cells)
    assert len(records) == 2
    # nothing is explained anew; which operators metrics remove features by, where none are named, has changed
    assert [task.cell.method.name for job in jobs for task in job.tasks] == ["leave-one-out"]
    assert all(task.stored for job in jobs for task in job.tasks)
    assert all(record.network == {"weights": "of then"} for record in records.values())


def test_weights_that_were_made_otherwise_are_not_mixed_with_stored_results(here, tmp_path):
    from attrimark.run.variants import Variants
    from attrimark.run.worker import run_job

    with Store(tmp_path / "other") as store:
        cells, (job,) = cells_and_jobs(here, "made", store)
        first, second = cells
        store.save(Record(first.id, first.specs, "ok", network={"weights": "of another machine"}))
        (job,) = pending(cells, store)
    assert job.weights == "of another machine"
    said = []
    run_job(from_json(to_json(job), load_catalog()), Variants("cpu", tmp_path), tmp_path, said.append)
    records = [each["record"] for each in said if each["event"] == "finished"]
    assert {record["status"] for record in records} == {"failed"}
    assert "other weights than those of the stored results" in records[-1]["reason"]
    assert second.id in {record["cell"] for record in records}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("bert", set()),
        ("llama", set()),
        ("decoder", {"decoder classifier"}),
        ("gemma", {"scaled embeddings"}),
        ("mean-pooled", {"mean-pooled head"}),
        ("multi-label", {"sigmoid head"}),
        ("padded", {"padding-dependent"}),
    ],
)
def test_kinds_are_told_from_a_configuration(name, kinds):
    assert kinds_of_folder(FOLDER / name) == kinds
