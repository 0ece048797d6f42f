"""Whatever bit a disk flips in a store: what is read is what was written, or an error names the file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from attrimark.results.bundle import read_bundle
from attrimark.results.outputs_file import read_outputs
from attrimark.results.store import Store
from attrimark.run import kept_weights as module
from attrimark.run.kept_weights import keep_weights, kept_weights
from attrimark.run.local import Slot
from attrimark.run.scheduler import pending, run
from attrimark.suite.matrix import cells_of
from attrimark.suite.reading.suites import read_suite
from attrimark_registry.catalog import load_catalog
from attrimark_registry.errors import AttrimarkError

SUITE = """
[suites.kept]
datasets = [{ name = "planted", train = 24, validation = 2, test = 4 }]
models = [{ name = "tiny-encoder", layers = 1, width = 8, heads = 1 }]
strategies = [{ name = "full", epochs = 1 }]
seeds = 2
methods = ["random", "leave-one-out", "gradient"]
metrics = ["sufficiency", "accuracy"]
explain = 3

[suites.kept.multiverse]
poolings = ["sum", "mean"]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished suite: its cells, and the folder of its store."""
    folder = tmp_path_factory.mktemp("flips")
    (folder / "benchmarks.toml").write_text(SUITE)
    catalog = load_catalog()
    suite = read_suite(folder / "benchmarks.toml", "kept", catalog)
    with Store(folder / "store") as store:
        run(suite, store, [Slot(0, "cpu", 1)], catalog.manager)
    return cells_of(suite), folder / "store"


def files_of(store: Path) -> list[Path]:
    """All but an empty journal."""
    return [path for path in sorted(store.rglob("*")) if path.is_file() and path.stat().st_size]


def read(path: Path, cells: list[str]) -> str:
    """All that any command reads of a file of a store."""
    kind = path.parent.name
    if kind == "bundles":
        return "".join(repr((vars(each), each.scores.tobytes())) for each in read_bundle(path))
    if kind == "outputs":
        return repr([(name, np.asarray(each).tobytes()) for name, each in vars(read_outputs(path)).items()])
    if kind == "variants":
        weights = kept_weights(path).items()
        return repr([(name, each.dtype, each.view(torch.uint8).numpy().tobytes()) for name, each in weights])
    with Store(path.parent) as store:
        return repr(store.records(cells))


def error_of(path: Path, cells: list[str], expected: str) -> str:
    """What is said of a file; nothing where what is read of it is what was written."""
    try:
        assert read(path, cells) == expected, path
    except AttrimarkError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("flips", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_no_flipped_bit_changes_what_is_read(made, flips):
    cells, store = [cell.id for cell in made[0]], made[1]
    files = files_of(store)
    assert {path.parent.name for path in files} == {"store", "bundles", "outputs", "variants"}
    assert len(cells) <= 30
    contents = {path: (path.read_bytes(), read(path, cells)) for path in files}
    rng, noticed = np.random.default_rng(0), 0
    for _ in range(flips):
        path = files[rng.integers(len(files))]
        content, expected = contents[path]
        bit = int(rng.integers(8 * len(content)))
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        told = error_of(path, cells, expected)
        path.write_bytes(content)
        assert not told or path.name in told
        noticed += bool(told)
    assert noticed > flips / 2


@pytest.mark.parametrize("kind", ["outputs", "variants"])
def test_a_file_under_the_name_of_another_is_noticed(made, kind):
    cells, store = [cell.id for cell in made[0]], made[1]
    one, other = [path for path in files_of(store) if path.parent.name == kind][:2]
    content, expected = one.read_bytes(), read(one, cells)
    one.write_bytes(other.read_bytes())
    told = error_of(one, cells, expected)
    one.write_bytes(content)
    assert "under that name" in told


def test_what_an_earlier_version_kept_under_no_name_is_read(tmp_path, monkeypatch):
    path, weights = tmp_path / "kept.safetensors", {"weight": torch.ones(2)}
    hashed = module._hash
    with monkeypatch.context() as patched:
        patched.setattr(module, "_hash", lambda moved, file: hashed(moved, None))
        keep_weights(weights, path)
    assert torch.equal(kept_weights(path)["weight"], weights["weight"])


@pytest.mark.long
def test_what_was_altered_is_computed_again_by_the_next_run(made, caplog):
    """As every message says that it is: a bundle, raw outputs, and weights."""
    cells, store = made
    files = [path for path in files_of(store) if path.parent.name in ("bundles", "outputs")]
    altered = {kind: next(path for path in files if path.parent.name == kind) for kind in ("bundles", "outputs")}
    before = read_outputs(altered["outputs"])
    for path in altered.values():
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with Store(store) as opened:
        jobs = pending(cells, opened)
        assert sum(len(job.tasks) for job in jobs) in (1, 2)  # one cell may have both
        catalog = load_catalog()
        suite = read_suite(store.parent / "benchmarks.toml", "kept", catalog)
        assert run(suite, opened, [Slot(0, "cpu", 1)], catalog.manager) == {"ok": len(cells)}
        assert not pending(cells, opened)
    again = read_outputs(altered["outputs"])
    np.testing.assert_allclose(again.outputs, before.outputs, atol=1e-5)
    assert "is corrupt" in caplog.text
