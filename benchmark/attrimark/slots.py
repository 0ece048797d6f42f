"""Worker processes, one a slot: a crash takes one cell with it and nothing else."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast


@dataclass(frozen=True)
class Slot:
    """A place where one worker runs: a device, and a fixed number of threads.

    Attributes:
        discreet: drop what the worker writes to standard error, which may quote texts.
    """

    number: int
    device: str
    threads: int
    discreet: bool = False


def slots_for(count: int | None, device: str | None, threads: int | None, *, discreet: bool = False) -> list[Slot]:
    """One slot a GPU where there are some, else one on the CPU; cores are divided among them."""
    import torch

    gpus = torch.cuda.device_count() if device in (None, "cuda") else 0
    device = device or ("cuda" if gpus else "cpu")
    count = count or max(1, gpus)
    threads = threads or max(1, (os.cpu_count() or 1) // count)
    return [Slot(number, device, threads, discreet) for number in range(count)]


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
        environment = {
            # threads that wait by turning in circles take the cores from each other where others compute too
            "OMP_WAIT_POLICY": "PASSIVE",
            **os.environ,
            "OMP_NUM_THREADS": str(self.slot.threads),
            "TOKENIZERS_PARALLELISM": "false",
        }
        if self.slot.device == "cuda":
            # chosen before torch is imported, so that each worker sees one GPU only
            visible = os.environ.get("CUDA_VISIBLE_DEVICES")
            gpus = visible.split(",") if visible else [str(number) for number in range(self.slot.number + 1)]
            environment["CUDA_VISIBLE_DEVICES"] = gpus[self.slot.number % len(gpus)]
        command = [sys.executable, "-m", "attrimark.worker"]
        command += ["--device", self.slot.device, "--threads", str(self.slot.threads), "--store", str(self.store)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if self.slot.discreet else None,
            env=environment,
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

    def end(self) -> None:
        """Kill the process with all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
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
