"""A worker process: takes jobs as lines of JSON, answers with records, and keeps nothing.

Its standard output is the channel to the coordinator; whatever plugins print goes to standard error. It ends when
its standard input does, so that no worker outlives its coordinator.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from attrimark_registry.attribution import Attribution
from attrimark_registry.catalog import ALLOWED, load_catalog
from attrimark_registry.errors import AttrimarkError
from attrimark_registry.model import Model
from attrimark_registry.process_state import ProcessState, foreign_code

from attrimark.results.bundle import read_bundle, write_bundle
from attrimark.results.outputs_file import outputs_path, write_outputs
from attrimark.results.redaction import Telling, as_told, everything, only_known
from attrimark.run.raw_outputs import poolable
from attrimark.screen.warnings import to_standard_error

from .death import die_with_parent
from .guard.guard import ChangedNetwork, complaint
from .job import Job, Task, from_json
from .prepare import Prepared, prepare
from .run_cell import Outcome, attempt, run_cell, unfinished
from .variants import Variants

log = logging.getLogger("attrimark.run.worker")

Say = Callable[[dict[str, Any]], None]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--device", required=True)
    options.add_argument("--threads", type=int, required=True)
    options.add_argument("--store", type=Path, required=True)
    options.add_argument("--discreet", action="store_true")
    options.add_argument("--parent", type=int, required=True)
    chosen = options.parse_args()
    die_with_parent(chosen.parent)

    import torch

    torch.set_num_threads(chosen.threads)
    to_standard_error()
    channel = _take_over_stdout()
    catalog = load_catalog()
    patched = foreign_code()  # by what was just imported
    variants = Variants(chosen.device, chosen.store / "variants")

    worker = os.getpid()

    def say(message: dict[str, Any]) -> None:
        if os.getpid() != worker:
            os._exit(1)  # a plugin forked: its child has no say here, and no further work to do
        channel.write(json.dumps(message, ensure_ascii=False) + "\n")
        channel.flush()

    say({"event": "ready"})
    for line in _lines():
        job = from_json(line, catalog)
        telling = only_known(task.cell for task in job.tasks) if chosen.discreet else everything
        spoiled = run_job(job, variants, chosen.store, say, telling, patched)
        if spoiled:
            os._exit(0)  # the coordinator starts another process, which no plugin has touched
        say({"event": "done"})


def run_job(
    job: Job,
    variants: Variants,
    store: Path,
    say: Say,
    telling: Telling = everything,
    patched: Sequence[str] = (),
) -> bool:
    """Every task of a variant, each told as soon as it is finished.

    Args:
        patched: code of networks that is not their library's: then nothing computed here could be trusted.
        telling: what is told of the reasons that plugins give; nothing else of them leaves the process.

    Returns:
        Whether this process is spoiled: some plugin left it, or a network, otherwise than it was.
    """
    process = ProcessState.now()

    def tell(outcome: Outcome, spooled: Path | None) -> None:
        record = as_told(outcome.record, telling)
        say({"event": "finished", "record": asdict(record), "spooled": spooled and str(spooled)})

    def advance(stage: str, done: int, total: int) -> None:
        say({"event": "advanced", "variant": str(job.variant), "stage": stage, "done": done, "total": total})

    def taking(step: str) -> None:
        advance(step, 0, len(job.tasks))

    made = attempt(lambda: _prepared_network(job, variants, taking, patched))
    moved = process.moved()
    if moved:
        log.warning("%s: this process serves no other variant", complaint(f"making {job.variant}", moved))
        process.restore()
    if made.result is None:
        for task in job.tasks:
            tell(Outcome(unfinished(task.cell, made)), None)
        return bool(moved) or made.cause == "changed-network"
    model, network = made.result
    with model.active():
        prepared = prepare(model, job.variant.examples, job.variant.target, job.variant.granularity, advance, network)
        for done, task in enumerate(job.tasks):
            advance(str(task.cell.method or "model"), done, len(job.tasks))
            say({"event": "started", "cell": task.cell.id})
            outcome, spooled = _run(task, prepared, store)
            tell(outcome, spooled)
            if outcome.spoiled:
                return True
    return bool(moved)


def _prepared_network(
    job: Job, variants: Variants, taking: Callable[[str], None], patched: Sequence[str]
) -> tuple[Model, dict[str, Any]]:
    """The variant's model, handled as its check says, and what was found of it.

    Raises:
        AttrimarkError: its weights are made from a recipe, and other ones than those of stored results.
        ChangedNetwork: the code of networks is patched.
    """
    if patched:
        raise ChangedNetwork(
            f"importing the installed plugins patches {', '.join(patched[:3])}: every number would be another. "
            f"Uninstall the plugin, or name those to use in {ALLOWED} (none: attrimark's own)"
        )
    model, check = variants.checked(job.variant, variants.get(job.variant, job.seeds, taking))
    weights = job.variant.model.weights()
    if weights and job.weights not in (None, weights):
        raise AttrimarkError(
            f"{job.variant.model} was trained here to other weights than those of the stored results (another machine "
            "rounds otherwise): copy its folder from that machine's cache (the folder made/ in it), or choose another "
            "--store"
        )
    return model, {"check": check.plain, **({"weights": weights} if weights else {})}


def _run(task: Task, prepared: Prepared, store: Path) -> tuple[Outcome, Path | None]:
    known = _stored(task, store)
    # whatever was asked of lost attributions, new ones need every metric
    lost = task.bundle is not None and known is None
    outcome = run_cell(task.cell, prepared, known, None if lost else task.wanted)
    for address, outputs in outcome.outputs.items():
        write_outputs(outputs, outputs_path(store, address))
    spool = outcome.attributions and known is None
    return outcome, write_bundle(outcome.attributions, store / "spool") if spool else None


def _stored(task: Task, store: Path) -> list[Attribution] | None:
    """The attributions that the store holds; None where it holds none, or they are corrupt, or too little was kept."""
    if task.bundle is None:
        return None
    try:
        known = read_bundle(store / "bundles" / f"{task.bundle}.safetensors")
    except AttrimarkError as error:
        log.warning("%s: the cell is run again", error)
        return None
    captures = [choices for address, choices in task.cell.outputs.items() if address in task.wanted]
    if not all(poolable(task.cell, choices, known) for choices in captures):
        log.warning("%s was stored without scores of tokens, which other poolings need: it is run again", task.bundle)
        return None
    return known


def _take_over_stdout() -> TextIO:
    # what a plugin says may hold half of a character, which UTF-8 has no bytes for
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return channel


def _lines() -> Iterator[str]:
    """Lines of standard input; the process ends at once when the coordinator is gone, even in the middle of a job."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        if os.getpgid(0) == os.getpid():
            os.killpg(0, signal.SIGKILL)  # with all that plugins started
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield lines.get()


if __name__ == "__main__":
    main()
