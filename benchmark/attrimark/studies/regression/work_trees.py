"""Two work trees of a repository, side by side: the one at hand, and another commit, each with a process that times."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from attrimark_registry.errors import AttrimarkError

from attrimark.results.redaction import WITHHELD
from attrimark.run.local import Slot
from attrimark.suite.matrix import Cell

from .paired_timing import FEWEST_PAIRS, THRESHOLD, Side, found
from .recorded import group_of
from .regression import Finding
from .timed_side import called

AT_LEAST = 0.05  # seconds: a measure shorter than this is repeated until it is not
MOST_TIMES = 1000


def time_pairs(
    base: str,
    config: Path,
    suite: str,
    cells: Sequence[Cell],
    names: Mapping[str, str],
    slot: Slot,
    pairs: int = FEWEST_PAIRS,
    threshold: float = THRESHOLD,
) -> Iterator[Finding]:
    """Each method's seconds here against those at the commit `base`, on the first seed of each variant.

    Raises:
        AttrimarkError: this is no repository, it has no such commit, or a side cannot be started.
    """
    first: dict[str, Cell] = {}
    for cell in cells:
        if cell.method is not None and not cell.problem:
            first.setdefault(group_of(names[cell.id]), cell)
    with (
        at_commit(base) as tree,
        tempfile.TemporaryDirectory(prefix="attrimark-") as folder,
        side("base", in_tree(tree), config, suite, slot, Path(folder)) as one,
        side("head", None, config, suite, slot, Path(folder)) as other,
    ):
        for group, cell in first.items():
            yield _finding(group, called(cell), {"base": one, "head": other}, pairs, threshold)


def commit_of(base: str) -> str:
    """The hash of what a branch, tag or hash names.

    Raises:
        AttrimarkError: this is no repository, or it has no such commit.
    """
    told = f"no commit {base!r} here"
    return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}", about=told)


@contextmanager
def at_commit(base: str) -> Iterator[Path]:
    """A work tree of that commit, removed afterwards.

    Raises:
        AttrimarkError: this is no repository, or it has no such commit.
    """
    commit = commit_of(base)
    with tempfile.TemporaryDirectory(prefix="attrimark-") as folder:
        tree = Path(folder) / "base"
        git("-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", "--quiet", str(tree), commit)
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def in_tree(tree: Path) -> list[str]:
    """What Python imports from this repository, as folders of the other tree."""
    root = Path(git("rev-parse", "--show-toplevel")).resolve()
    found = []
    for entry in sys.path:
        place = Path(entry or ".").resolve()
        # an environment inside of the repository is no part of it
        if place.is_relative_to(root) and not {"site-packages", "bin"} & {*place.relative_to(root).parts}:
            there = tree / place.relative_to(root)
            if there.is_dir():
                found.append(str(there))
    if not found:
        raise AttrimarkError(
            f"nothing is imported from {root}, so that its commits cannot differ in speed: run attrimark inside of the "
            "repository whose code is timed, installed in editable mode"
        )
    return found


@dataclass(frozen=True, eq=False)
class _Side:
    """A process that times; `ask` raises AttrimarkError with what it says went wrong, unless that may quote texts."""

    name: Side
    process: subprocess.Popen[str]
    discreet: bool

    def ask(self, cell: str, times: int) -> float:
        pipe = cast(IO[str], self.process.stdin)
        with suppress(BrokenPipeError):  # a side that has just died is noticed by its end of output
            pipe.write(json.dumps({"cell": cell, "times": times}) + "\n")
            pipe.flush()
        told = self.answer()
        if "error" in told:
            raise AttrimarkError(WITHHELD if self.discreet else told["error"])
        return float(told["seconds"])

    def answer(self) -> dict[str, Any]:
        line = cast(IO[str], self.process.stdout).readline()
        if not line:
            where = "" if self.discreet else "; see above"
            raise AttrimarkError(f"the {self.name} side ended with exit code {self.process.wait()}{where}")
        return json.loads(line)


@contextmanager
def side(
    name: Side, places: Sequence[str] | None, config: Path, suite: str, slot: Slot, folder: Path
) -> Iterator[_Side]:
    """A side's process, ready to time.

    Args:
        places: what it imports first; None for what this process imports.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(slot.threads), "TOKENIZERS_PARALLELISM": "false"}
    if places is not None:
        rest = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
        environment["PYTHONPATH"] = os.pathsep.join([*places, *rest])
    script = Path(__file__).with_name("timed_side.py")
    # -P: the script's own folder is no place to import from
    command = [sys.executable, "-P", str(script), "--config", str(config.absolute()), "--suite", suite]
    command += ["--device", slot.device, "--threads", str(slot.threads), "--folder", str(folder / name)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if slot.discreet else None,
        env=environment,
        text=True,
        encoding="utf-8",
    )
    try:
        started = _Side(name, process, slot.discreet)
        started.answer()
        yield started
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):
                if pipe:
                    pipe.close()


def _finding(group: str, cell: str, sides: Mapping[Side, _Side], pairs: int, threshold: float) -> Finding:
    for name in ("base", "head"):
        try:
            sides[name].ask(cell, 1)  # the network is prepared, and everything warm
        except AttrimarkError as error:
            verdict = "new" if name == "base" else "incomparable"
            return Finding(group, "seconds", "time", verdict, gates=False, reason=f"not timed at {name}: {error}")
    once = min(sides["head"].ask(cell, 1), sides["base"].ask(cell, 1))
    times = max(1, min(MOST_TIMES, math.ceil(AT_LEAST / max(once, 1e-9))))
    return found(group, lambda name: sides[name].ask(cell, times) / times, pairs, threshold)


def git(*words: str, about: str | None = None) -> str:
    """What a git command prints.

    Raises:
        AttrimarkError: it fails; `about` says what that means.
    """
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True)
    except FileNotFoundError:
        raise AttrimarkError("--paired needs git") from None
    if done.returncode:
        told = done.stderr.strip() or f"git {words[0]} failed"
        raise AttrimarkError(f"{about}: {done.stderr.strip()}" if about and done.stderr.strip() else about or told)
    return done.stdout.strip()
