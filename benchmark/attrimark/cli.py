"""The command line. A command's module is imported when it is called: `attrimark --help` answers at once.

Exit codes: 0 all is well; 1 a regression, or a cell that failed; 2 interrupted, and resumable; 3 an internal error;
4 wrong usage, configuration or recorded file; 5 nothing to run, show or compare; 7 inconclusive, where asked to be
strict.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from . import __version__
from .commands.saying import say
from .screen.warnings import to_standard_error
from .studies import built_in

STUDIES = {study.name: study for study in built_in() if study.is_command}

# the help texts are here, so that listing the commands imports none of them
COMMANDS = {
    "run": "Run a suite, resume it, print its leaderboards.",
    "plan": "Print a suite's cells, what cannot run and why, and the estimated cost.",
    **{name: study.summary for name, study in STUDIES.items()},
    "report": "Write one page with all that a suite found.",
    "compare": "Compare two runs: what moved, and whether it is real.",
    "record": "Run a suite, and record what its cells cost and scored.",
    "regress": "Run a suite, and fail where it got worse than recorded.",
    "explain": "Explain one decision on one text.",
    "plugins": "List what is installed, and what is broken.",
    "assets": "List the models and data that plugins need, and fetch them.",
}

FAILED, INTERRUPTED, INTERNAL, USAGE = 1, 2, 3, 4


class Commands(click.Group):
    """Commands by name, imported late; and the exit codes of all of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *_of_strangers()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in STUDIES:
            return import_module("attrimark.commands.study").command_of(STUDIES[cmd_name])
        if cmd_name in COMMANDS:
            return import_module(f"attrimark.commands.{cmd_name}").command
        return _of_strangers().get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if args[0].startswith("-") or args[0] in COMMANDS:
                raise
            raise click.UsageError(f"{error.message} There are: {', '.join(self.list_commands(ctx))}.", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            strangers = {name: each.get_short_help_str(limit=100) for name, each in _of_strangers().items()}
            formatter.write_dl([*COMMANDS.items(), *strangers.items()])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command and exit with its code: what it returns, or 0."""
        given = sys.argv[1:] if args is None else args
        to_standard_error()
        try:
            code = super().main(args, *rest, **{**extra, "standalone_mode": False})
        except click.Abort:
            click.echo("Interrupted.", err=True)
            code = INTERRUPTED
        except click.ClickException as error:
            error.show()
            code = USAGE
        # whatever else went wrong is told in one way, here
        except Exception as error:
            code = _tell(error, debug="--debug" in given)
        sys.exit(code if isinstance(code, int) else 0)


def _of_strangers() -> dict[str, click.Command]:
    return import_module("attrimark.commands.strangers").commands()


def _tell(error: Exception, debug: bool) -> int:
    if _is_ours(error):
        say(f"Error: {error}", err=True)
        return getattr(error, "exit_code", USAGE)
    if debug:
        say("".join(traceback.format_exception(error)).rstrip("\n"), err=True)
    else:
        say(f"Internal error: {type(error).__name__}: {error}", err=True)
        click.echo("See where with: attrimark --debug COMMAND …", err=True)
    return INTERNAL


def _is_ours(error: Exception) -> bool:
    # looked up, not imported: where the module was never imported, the error is none of its kind
    errors = sys.modules.get("attrimark_registry.errors")
    return errors is not None and isinstance(error, errors.AttrimarkError)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="attrimark")
@click.option("--debug", is_flag=True, help="Show the traceback of an internal error.")
def main(debug: bool) -> None:
    """Benchmark feature attribution on fine-tuned transformer text models."""


if __name__ == "__main__":
    main()
