"""Options of the commands that compute a suite to record it or to compare it with what was recorded."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .saying import say

if TYPE_CHECKING:
    from .fresh_run import Interrupted

INTERRUPTED = 2

recorded = click.option(
    "--recorded", type=click.Path(path_type=Path), default=Path("recorded.json"), show_default=True,
    help="The recorded file; one of the same name with .safetensors lies beside it.",
)  # fmt: skip
primary = click.option(
    "--primary", multiple=True, metavar="METRIC",
    help="A metric that gates; by default those the suite names, else those recorded, else the headline.",
)  # fmt: skip
only = click.option("--only", metavar="GLOB", help="Cells whose name matches; nothing is said of the others.")


def computing(command: Callable[..., Any]) -> Callable[..., Any]:
    """How the suite is computed: anew, unless a store is named."""
    for option in (
        click.option("--quiet", is_flag=True, help="No progress."),
        options.device,
        click.option("--threads", type=click.IntRange(min=1), help="Threads of each worker; the cores shared out."),
        click.option("--slots", type=click.IntRange(min=1), help="Workers side by side; by default one a GPU."),
        click.option("--no-run", is_flag=True, help="Compute nothing: take what --store holds."),
        click.option(
            "--store", type=click.Path(path_type=Path),
            help="Take what this folder holds, and compute the rest; by default everything is computed.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def resume(context: click.Context, interrupted: Interrupted) -> None:
    """Say how to go on, and end."""
    if interrupted.folder is None:
        say("\nInterrupted; nothing was kept, as store_text = false asks.", err=True)
    else:
        given = sys.argv[1:]
        again = given if "--store" in given else [*given, "--store", str(interrupted.folder)]
        say(f"\nInterrupted; finished cells are kept. Resume with: attrimark {shlex.join(again)}", err=True)
    context.exit(INTERRUPTED)
