"""Worker processes, one a slot: a crash takes one cell with it and nothing else."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast

from .gpus import VARIABLE, require_gpu, visible_gpus
from .machine import cores


@dataclass(frozen=True)
class Slot:
    """A place where one worker runs: a device, and a fixed number of threads.

    Attributes:
        gpu: the one GPU that the worker sees, as CUDA_VISIBLE_DEVICES names it; None on a CPU.
        discreet: drop what may quote texts: what the worker writes to standard error, and the reasons of plugins.
    """

    number: int
    device: str
    threads: int
    discreet: bool = False
    gpu: str | None = None

    def environment(self, outer: Mapping[str, str]) -> dict[str, str]:
        """A worker's environment: the coordinator's, with the slot's threads and GPU."""
        environment = {
            # threads that wait by turning in circles take the cores from each other where others compute too
            "OMP_WAIT_POLICY": "PASSIVE",
            **outer,
            "OMP_NUM_THREADS": str(self.threads),
            "TOKENIZERS_PARALLELISM": "false",
        }
        # chosen before torch is imported, so that each worker sees one GPU only
        return environment if self.gpu is None else {**environment, VARIABLE: self.gpu}


def slots_for(count: int | None, device: str | None, threads: int | None, *, discreet: bool = False) -> list[Slot]:
    """One slot a GPU where there are some, else one on the CPU; more slots than GPUs share these, and all the cores.

    Raises:
        AttrimarkError: the device is "cuda", and no GPU can be used.
    """
    if device == "cuda":
        require_gpu()
    gpus = visible_gpus() if device != "cpu" else ()
    count = count or max(1, len(gpus))
    threads = threads or max(1, cores() // count)
    of_slot = [gpus[number % len(gpus)] if gpus else None for number in range(count)]
    return [Slot(number, "cuda" if gpu else "cpu", threads, discreet, gpu) for number, gpu in enumerate(of_slot)]


@dataclass(eq=False)
class Worker:
    """A running process and the thread that reads it; messages arrive in the shared queue as (worker, message).

    The message is None when the process has ended.
    """

    slot: Slot
    store: Path
    inbox: queue.Queue[tuple[Worker, dict[str, Any] | None]]
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        command = [sys.executable, "-m", "attrimark.run.worker"]
        store = self.store.absolute()  # a plugin may change the directory
        command += ["--device", self.slot.device, "--threads", str(self.slot.threads), "--store", str(store)]
        command += ["--parent", str(os.getpid())]
        command += ["--discreet"] if self.slot.discreet else []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if self.slot.discreet else None,
            env=self.slot.environment(os.environ),
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is the coordinator's to handle
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, line: str) -> None:
        """Hand over a job; a worker that has just died is noticed by its end of output."""
        try:
            _pipe(self.process.stdin).write(line + "\n")
            _pipe(self.process.stdin).flush()
        except BrokenPipeError:
            return

    def kill(self) -> None:
        """Kill the process with all that it started; its death arrives in the inbox."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill the process with all that it started, and wait for it."""
        self.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                _pipe(pipe).close()

    def death(self) -> str:
        """How the process ended, in words."""
        code = self.process.wait()
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def _listen(self) -> None:
        try:
            for message in _messages(self.process):
                self.inbox.put((self, message))
        finally:
            self.inbox.put((self, None))


def _messages(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """Whole lines only: what a killed process left half-written is dropped."""
    try:
        for line in _pipe(process.stdout):
            if line.endswith("\n"):
                yield json.loads(line)
    except ValueError:  # the pipe was closed while it was read
        return


def _pipe(pipe: object) -> TextIOWrapper:
    """A pipe that the process was started with."""
    return cast(TextIOWrapper, pipe)
