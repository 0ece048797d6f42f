"""Workers share the GPUs that are there, and the cores that this process may use."""

import os

import pytest
import torch
from attrimark.run.gpus import named
from attrimark.run.local import Slot, slots_for
from attrimark.run.machine import cores
from attrimark_registry import AttrimarkError
from click.testing import CliRunner


@pytest.fixture
def machine_with(monkeypatch):
    """A machine with so many GPUs, and so many of them visible by the environment."""

    def prepared(count, visible=None):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return prepared


def gpus_of(slots):
    return [slot.environment({"CUDA_VISIBLE_DEVICES": "outer"})["CUDA_VISIBLE_DEVICES"] for slot in slots]


@pytest.mark.parametrize(
    ("count", "listed", "names"),
    [
        (2, None, ("0", "1")),
        (0, None, ()),
        (2, "3,1", ("3", "1")),
        (1, " 3 ", ("3",)),
        (1, "1,7", ("1",)),  # there is no eighth one, and CUDA ignores it
        (2, "GPU-8932f937-d72c,GPU-1", ("GPU-8932f937-d72c", "GPU-1")),
        (1, "MIG-1,MIG-2", ("MIG-1", "MIG-2")),  # CUDA shows a process one of them
        (0, "MIG-1,MIG-2", ()),
        (2, "", ()),
        (2, "-1", ()),
        (2, "NoDevFiles", ()),
        (1, "0,-1,1", ("0",)),
    ],
)
def test_gpus_go_by_the_names_that_cuda_gives_them(count, listed, names):
    assert named(count, {} if listed is None else {"CUDA_VISIBLE_DEVICES": listed}) == names


def test_there_is_a_slot_for_each_gpu(machine_with):
    machine_with(3)
    slots = slots_for(None, None, None)
    assert [slot.device for slot in slots] == ["cuda"] * 3
    assert gpus_of(slots) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("visible", "shared"), [(None, ["0", "1", "0", "1", "0"]), ("5,GPU-a", ["5", "GPU-a"] * 2 + ["5"])]
)
def test_more_workers_than_gpus_share_them(machine_with, visible, shared):
    machine_with(2, visible)
    assert gpus_of(slots_for(5, "cuda", 1)) == shared


@pytest.mark.parametrize("visible", ["", "-1", "NoDevFiles"])
def test_hidden_gpus_leave_the_cpu(machine_with, visible):
    machine_with(2, visible)
    (slot,) = slots_for(None, None, None)
    assert slot.device == "cpu"
    assert slot.environment(os.environ)["CUDA_VISIBLE_DEVICES"] == visible


def test_workers_on_a_cpu_take_no_gpu(machine_with):
    machine_with(2)
    (slot,) = slots_for(None, "cpu", None)
    assert (slot.device, slot.gpu) == ("cpu", None)
    assert "CUDA_VISIBLE_DEVICES" not in slot.environment({})


def test_a_worker_waits_passively_on_its_threads_unless_it_is_said_otherwise():
    assert Slot(0, "cpu", 3).environment({}) == {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "3",
        "TOKENIZERS_PARALLELISM": "false",
    }
    assert Slot(0, "cpu", 3).environment({"OMP_WAIT_POLICY": "ACTIVE"})["OMP_WAIT_POLICY"] == "ACTIVE"


@pytest.mark.parametrize(
    ("built", "visible", "reason"),
    [(False, None, "without CUDA: install"), (True, "-1", "'-1' names none .* unset it"), (True, None, "the driver")],
)
def test_a_gpu_that_is_not_there_is_an_error_with_its_remedy(machine_with, monkeypatch, built, visible, reason):
    machine_with(0, visible)
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
    with pytest.raises(AttrimarkError, match=f"no GPU; .*{reason}.* --device cpu"):
        slots_for(1, "cuda", 1)


@pytest.mark.parametrize("arguments", [["run", "quickstart"], ["explain", "a film"]])
def test_commands_say_so_before_anything_runs(machine_with, arguments):
    from attrimark.cli import main

    machine_with(0)
    found = CliRunner().invoke(main, [*arguments, "--device", "cuda"], catch_exceptions=True)
    assert found.exit_code != 0
    assert "no GPU" in found.output + str(found.exception)


def test_threads_are_the_cores_that_this_process_may_use(machine_with, monkeypatch):
    machine_with(0)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5, 6}, raising=False)
    assert cores() == 3
    assert [slot.threads for slot in slots_for(2, None, None)] == [1, 1]
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == 64
    assert [slot.threads for slot in slots_for(2, None, None)] == [32, 32]
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1
