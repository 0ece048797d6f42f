"""What a record says of a failure, and of the plugins that made it."""

import sys
from importlib.metadata import version

import pytest
import torch
from attrimark import evaluate
from attrimark.results.store import Store
from attrimark.run.run_cell import attempt
from attrimark.run.sources import sources
from attrimark_plugins.methods.leave_one_out import LeaveOneOut
from attrimark_plugins.models.tiny import TinyEncoder
from attrimark_registry import AttrimarkError, Unsupported
from attrimark_registry.errors import InvalidNumbers


@pytest.mark.parametrize(
    ("error", "status", "cause"),
    [
        (Unsupported("no labels"), "unsupported", None),
        (AttrimarkError("the folder is missing"), "failed", "environment"),
        (ZeroDivisionError("division by zero"), "failed", "exception"),
        (torch.OutOfMemoryError("CUDA out of memory"), "failed", "oom"),
        (MemoryError(), "failed", "oom"),
        (InvalidNumbers("not finite"), "failed", "invalid"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_has_a_cause(error, status, cause):
    def fail():
        raise error

    ended = attempt(fail)
    assert (ended.status, ended.cause) == (status, cause)
    assert str(error) in ended.reason


def test_what_succeeds_has_none():
    assert vars(attempt(lambda: 1)) == {"status": "ok", "reason": None, "cause": None, "result": 1}


def test_a_record_names_the_distributions_that_made_it(tmp_path):
    model = TinyEncoder(layers=1).load(("negative", "positive"), "cpu")
    record = evaluate(model, texts="a good film", methods=["leave-one-out"], metrics=[]).records[-1]
    made = record.plugins["attrimark_plugins"]
    assert (made["distribution"], made["version"]) == ("attrimark", version("attrimark"))
    assert len(made["sha256"]) == 64
    with Store(tmp_path) as store:
        store.save(record)
        assert store.records([record.cell])[record.cell].plugins == record.plugins


def test_changed_sources_have_another_hash(tmp_path, monkeypatch):
    hashes = set()
    for number, code in enumerate(("pass\n", "x = 1\n")):
        name = f"their_plugins_{number}"
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        __import__(name)
        plugin = type("Theirs", (LeaveOneOut,), {"__module__": name})()
        (source,) = sources([plugin]).values()
        assert source["distribution"] is source["version"] is None
        hashes.add(source["sha256"])
        del sys.modules[name]
    assert len(hashes) == 2
