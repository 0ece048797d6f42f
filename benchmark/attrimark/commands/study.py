"""The one command of every study: read a suite's stored results, show what the study finds in them."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from attrimark.studies.study import Option, Study

from . import options
from .saying import say

if TYPE_CHECKING:
    from attrimark.document.section import Drawing, Section
    from attrimark.results.results import Results
    from attrimark.suite.suite import Suite


log = logging.getLogger("attrimark.plugins")

Found = TypeVar("Found")


def command_of(study: Study) -> click.Command:
    """`attrimark NAME SUITE`, with the options of the study."""

    def callback(
        suite: str,
        config: Path,
        store: Path,
        form: str,
        output: Path | None,
        as_json: bool,
        figures: Path | None,
        **chosen: Any,
    ) -> None:
        from attrimark_registry.catalog import load_catalog

        from attrimark.results.nothing import Nothing
        from attrimark.results.results import Results
        from attrimark.results.store import Store
        from attrimark.suite.reading.suites import read_suite

        from .telling import format_of, tell

        catalog = load_catalog()
        format_of(form, catalog)  # a mistyped format is named before anything is read
        asked = read_suite(config, suite, catalog)
        with Store.existing(store, asked) as opened:
            results = Results(asked, opened)
            findings = study.analyse(results, **chosen)
            document = study.document(findings, asked, **chosen)
            if not document.sections:
                raise Nothing(nothing_to_show(study, asked, catalog.studies))
            tell(document, "json" if as_json else form, output, catalog)
            if figures:
                write_drawings(drawings_with(study, document.sections, results, catalog.studies), figures)

    shared = [options.suite, options.config, options.store, options.figures, options.form, options.output]
    command = click.Command(study.name, callback=callback, help=f"{study.summary}\n\n{study.about}")
    for decorate in reversed([*shared, options.as_json]):
        decorate(command)
    command.params += map(_parameter, study.options)
    return command


def nothing_to_show(study: Study, suite: Suite, studies: Sequence[Study]) -> str:
    """Why a study finds nothing in a suite's results, and what to call instead."""
    if study.asked(suite):
        return f"nothing to show: run the suite first: attrimark run {suite.name}"
    others = [each.name for each in studies if each.is_command and each.follows_run and each.asked(suite)]
    see = " and ".join(f"attrimark {each} {suite.name}" for each in others or ["report"])
    return f"nothing to show: {study.unasked.format(suite=suite.name)}. See {see}"


def drawings_with(
    study: Study, sections: Sequence[Section], results: Results, studies: Sequence[Study]
) -> Iterable[Drawing]:
    """The figures of a study, and of those that are drawn with it, in the order of the report."""
    for each in studies:
        if each.name == study.name:
            yield from study.drawings(sections, results)
        elif each.drawn_with == study.name and each.asked(results.suite):
            yield from each.drawings(tuple(each.sections(each.analyse(results), results.suite)), results)


def write_drawings(drawings: Iterable[Drawing], folder: Path, endings: Sequence[str] = ("svg", "png")) -> None:
    """Every figure as files of those kinds; how many is printed.

    Raises:
        AttrimarkError: the folder cannot be written to.
    """
    from attrimark.document.figures import save_drawings

    written = save_drawings(drawings, folder, endings)
    say(f"{len(written)} figures in {folder}", err=True)


def show(study: Study, results: Results, figures: Path) -> None:
    """Print what a study finds in the results of a run, and draw it; why, where it finds nothing or fails."""
    from .telling import tell

    document, reason = attempted(study, lambda: study.document(study.analyse(results), results.suite), results.suite)
    if document is None:
        say(f"{study.title}: {reason}", err=True)
        return
    tell(document)
    drawings, reason = attempted(study, lambda: list(study.drawings(document.sections, results)), results.suite)
    if reason:
        say(f"{study.title}: {reason}", err=True)
    if drawings:
        write_drawings(drawings, figures)


def attempted(study: Study, verb: Callable[[], Found], suite: Suite) -> tuple[Found | None, str | None]:
    """What a study makes of results, or why it makes nothing: where it fails, the others are still shown."""
    from attrimark_registry.errors import AttrimarkError

    try:
        return verb(), None
    except AttrimarkError as reason:
        return None, str(reason)
    # a study may be a stranger's code
    except Exception as error:
        if not suite.store_text:
            return None, f"{study.name} failed with {type(error).__name__}; its message is hidden (store_text = false)"
        log.warning("%s", traceback.format_exc())
        return None, f"{study.name} failed with {type(error).__name__}: {error}"


def _parameter(option: Option) -> click.Option:
    if option.flag:
        return click.Option([f"--{option.name}"], is_flag=True, help=option.help)
    kind = click.Choice(option.choices) if option.choices else None
    return click.Option([f"--{option.name}"], type=kind, help=option.help, metavar=option.metavar)
