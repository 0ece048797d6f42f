"""What a process computes with, whatever the network: what plugins may use, and must leave as it was."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

MISSING = object()
LIBRARIES = ("torch", "transformers")


class Setting(NamedTuple):
    """Something that the whole process shares: how it is read, and how it is put back."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]


@dataclass(frozen=True)
class ProcessState:
    """What there was at some time.

    Attributes:
        settings: by name; those of torch only where it was imported.
        code: what classes of networks and torch's functions compute, by their owner and name.
        environment: the variables, each with its value.
        modules: how many were imported.
    """

    settings: Mapping[str, Any]
    code: Mapping[tuple[Any, str], Any]
    environment: Mapping[str, str]
    modules: int

    @classmethod
    def now(cls) -> ProcessState:
        """As it is."""
        settings = {each.name: each.read() for each in _settings()}
        return cls(settings, dict(_code()), dict(os.environ), len(sys.modules))

    def moved(self) -> tuple[str, ...]:
        """What is otherwise than it was, in words; variables that a library set while it was imported are no change."""
        return (
            *self._settings_moved(),
            *(f"the code of {_spelled(owner)}.{name}" for owner, name in self._code_moved()),
            *(f"the environment variable {name}" for name in self._variables_moved()),
        )

    def restore(self) -> None:
        """As it was. What was imported meanwhile stays, with the variables that it set."""
        for name in self._settings_moved():
            next(each for each in _settings() if each.name == name).write(self.settings[name])
        for owner, name in self._code_moved():
            if self.code[owner, name] is MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, self.code[owner, name])
        for name in self._variables_moved():
            if name in self.environment:
                os.environ[name] = self.environment[name]
            else:
                os.environ.pop(name, None)

    def _settings_moved(self) -> list[str]:
        now = {each.name: each.read() for each in _settings()}
        return [name for name, value in self.settings.items() if now[name] != value]

    def _code_moved(self) -> list[tuple[Any, str]]:
        return [
            (owner, name) for (owner, name), code in self.code.items() if vars(owner).get(name, MISSING) is not code
        ]

    def _variables_moved(self) -> list[str]:
        added = os.environ.keys() - self.environment.keys() if len(sys.modules) == self.modules else ()
        changed = [name for name, value in self.environment.items() if os.environ.get(name) != value]
        return sorted((*added, *changed))


def _settings() -> Iterator[Setting]:
    yield Setting("the working directory", _directory, os.chdir)
    yield Setting("numpy's treatment of errors", np.geterr, lambda how: np.seterr(**how))
    for number in signal.Signals:
        yield _handler(number)
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_num_threads"):  # not there, or being imported
        return
    yield Setting("torch's number of threads", torch.get_num_threads, torch.set_num_threads)
    yield Setting("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype)
    yield Setting(
        "torch's default device",
        torch.get_default_device,
        lambda device: torch.set_default_device(None if device.type == "cpu" else device),  # "cpu" is a mode of its own
    )
    yield Setting("whether torch records gradients", torch.is_grad_enabled, torch.set_grad_enabled)
    yield Setting(
        "whether torch is deterministic", torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms
    )
    yield Setting(
        "torch's precision of products", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    )
    yield Setting("whether torch flushes denormals", lambda: _flushes(torch), torch.set_flush_denormal)
    for device in ("cpu", "cuda"):
        yield Setting(
            f"torch's autocast on {device}",
            lambda device=device: torch.is_autocast_enabled(device),
            lambda enabled, device=device: torch.set_autocast_enabled(device, enabled),
        )


def _handler(number: signal.Signals) -> Setting:
    def write(handler: Any) -> None:
        with suppress(ValueError, TypeError, OSError):  # not in the main thread, or not Python's to set
            signal.signal(number, handler)

    return Setting(f"the handler of {number.name}", lambda: signal.getsignal(number), write)


def _directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _flushes(torch: Any) -> bool:
    return bool((torch.tensor(1e-40, dtype=torch.float32, device="cpu") * 1.0 == 0).item())


def foreign_code() -> tuple[str, ...]:
    """Classes of torch and transformers whose code is of neither: somebody patched them, and whose code."""
    found = []
    for owner, name in (key for key in dict(_code()) if isinstance(key[0], type)):
        library = _package(owner.__module__)
        written = _package(getattr(vars(owner).get(name), "__globals__", {}).get("__name__", library))
        if library in LIBRARIES and written not in (library, "torch"):
            found.append(f"{_spelled(owner)}.{name} (by {written})")
    return tuple(found)


def _package(module: str) -> str:
    return module.partition(".")[0]


def _code() -> Iterator[tuple[tuple[Any, str], Any]]:
    """Of every class of networks, those of torch and of every library; and torch's functions."""
    nn: Any = sys.modules.get("torch.nn")
    if nn is None or not hasattr(nn, "functional"):
        return
    for name, function in vars(nn.functional).items():
        if callable(function):
            yield (nn.functional, name), function
    waiting, seen = [nn.Module], {nn.Module}
    while waiting:
        kind = waiting.pop()
        for name in ("forward", "__call__"):
            yield (kind, name), vars(kind).get(name, MISSING)
        new = [each for each in kind.__subclasses__() if each not in seen]
        waiting += new
        seen.update(new)


def _spelled(owner: Any) -> str:
    return f"{owner.__module__}.{owner.__qualname__}" if isinstance(owner, type) else owner.__name__
