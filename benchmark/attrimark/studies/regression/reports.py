"""A comparison as a person or a build server reads it: terminal, JSON, JUnit, Markdown."""

from __future__ import annotations

import math
import re
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path
from typing import Any, Literal

from attrimark_registry.errors import AttrimarkError

from attrimark.document.characters import json_text, printable
from attrimark.document.document import Document
from attrimark.document.finding import Finding as Check
from attrimark.document.grid import WIDTH, Grid, tabulated
from attrimark.document.plain import plain
from attrimark.document.render.junit import Junit
from attrimark.results.bundle import write_whole
from attrimark.statistics.intervals import FEWEST_SEEDS
from attrimark.suite.names import MODEL_ALONE

from .recorded import Recorded, group_of, method_of, seed_of
from .regression import VERDICTS, Finding, Improvements, Verdict
from .worst_texts import WorstText

MOST_MARKDOWN = 1_000_000  # bytes: a job summary on GitHub may hold 1,024 KiB
_CUT = "\n\n… cut: the summary would be longer than a job summary may be. The whole stands in the log.\n"


@dataclass(frozen=True)
class Report:
    """What is told of a comparison.

    Attributes:
        command: the words that make it again; each finding adds the name of its cell.
        code: the exit code.
        notes: what else a reader must know.
    """

    suite: str
    findings: Sequence[Finding]
    command: Sequence[str]
    code: int
    notes: Sequence[str] = ()

    def again(self, finding: Finding) -> str:
        """One line that computes this finding's cells again and compares them."""
        pattern = escape(finding.cell) + (" × seed *" if finding.kind == "quality" else "")
        return shlex.join(["attrimark", *self.command, "--only", pattern])

    @property
    def counts(self) -> dict[Verdict, int]:
        found = Counter(finding.verdict for finding in self.findings)
        return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}

    @property
    def answer(self) -> str:
        """The build in one sentence."""
        word = {0: "passed", 1: "failed", 5: "compared nothing", 7: "is inconclusive"}[self.code]
        counted = ", ".join(f"{number} {verdict}" for verdict, number in self.counts.items())
        return f"{self.suite} {word}: {counted or 'nothing to compare'}"


def notes_on(recorded: Recorded, findings: Sequence[Finding], improvements: Improvements) -> list[str]:
    """What a reader must know beside the findings."""
    notes = []
    seeds: dict[str, set[int]] = {}
    for name in recorded.cells:
        seeds.setdefault(group_of(name), set()).add(seed_of(name))
    fewest = min(map(len, seeds.values()), default=0)
    if not recorded.reseeds and fewest < FEWEST_SEEDS and any(finding.kind == "quality" for finding in findings):
        counted = "1 seed" if fewest == 1 else f"{fewest} seeds"
        notes.append(f"Recorded with {counted}: no interval over seeds; quality speaks for these checkpoints only.")
    if improvements != "ignore" and any(finding.verdict == "improved" for finding in findings):
        notes.append("Better than recorded: accept it with attrimark record, so that it cannot be lost unnoticed.")
    if any(finding.verdict == "new" and not finding.explains for finding in findings):
        notes.append("What is new is not compared before it is recorded.")
    return notes


def as_text(report: Report) -> str:
    """For a terminal: what is not the same in a table, then each regression with what to do."""
    told = [finding for finding in _sorted(report) if finding.verdict != "same"]
    parts = [report.answer, *report.notes]
    rows = [[_folded(each.cell), each.what, _verdict(each), _number(each.before), _number(each.after)] for each in told]
    if rows:
        parts += ["", tabulated(Grid("", ["cell", "what", "verdict", "recorded", "now"], rows), "simple")]
    for finding in told:
        if _is_bad(finding):
            parts += ["", *_lines(f"{finding.verdict}: {finding.cell} · {finding.what}: {finding.reason}")]
            parts += [f"  {line}" for worst in finding.worst for line in _worst(worst)]
            parts.append(f"  again: {printable(report.again(finding))}")
        elif finding.explains:
            parts += ["", *_lines(f"{finding.cell}: {finding.reason}")]
        elif finding.verdict in ("inconclusive", "incomparable"):
            seen = f"; a change of {finding.detectable:.2g} would have been seen" if finding.detectable else ""
            parts += ["", *_lines(f"{finding.verdict}: {finding.cell} · {finding.what}: {finding.reason}{seen}")]
    if seen := _power(report):
        parts += ["", *_lines(seen)]
    return "\n".join(parts)


def as_json(report: Report) -> dict[str, Any]:
    """Everything, with null where there is no number."""
    return {
        "suite": report.suite,
        "exit_code": report.code,
        "answer": report.answer,
        "counts": report.counts,
        "notes": list(report.notes),
        "findings": [{**plain(asdict(finding)), "again": report.again(finding)} for finding in _sorted(report)],
    }


def as_junit(report: Report) -> str:
    """JUnit's XML: one case for each finding; what gates and got worse fails, what cannot be told is skipped."""
    checks = [_check(report, finding) for finding in _sorted(report)]
    return Junit().render(Document((), findings=lambda: checks, name=f"attrimark regress {report.suite}"))


def _check(report: Report, finding: Finding) -> Check:
    outcome = _outcome(finding)
    worst = [line for each in finding.worst for line in _worst(each)]
    return Check(
        finding.cell,
        finding.what,
        outcome,
        "" if outcome == "passed" else f"{finding.verdict}: {finding.reason}",
        (*worst, f"again: {report.again(finding)}") if _is_bad(finding) else (),
    )


def as_markdown(report: Report, most: int = MOST_MARKDOWN) -> str:
    """For a job summary or a pull request; names are escaped.

    Args:
        most: bytes; what does not fit is left out whole, line by line, and said.
    """
    told = [finding for finding in _sorted(report) if finding.verdict != "same"]
    parts = [_escaped(report.answer), *(f"\n\n{_escaped(note)}" for note in report.notes)]
    header = ["cell", "what", "verdict", "recorded", "now", "why"]
    rows = [
        [each.cell, each.what, _verdict(each), _number(each.before), _number(each.after), each.reason] for each in told
    ]
    if rows:
        lines = [header, ["---"] * len(header), *([_escaped(cell) for cell in row] for row in rows)]
        parts += ["\n", *(f"\n| {' | '.join(line)} |" for line in lines)]
    for finding in filter(_is_bad, told):
        worst = [line for each in finding.worst for line in _worst(each)]
        title = f"**{_escaped(finding.cell)} · {_escaped(finding.what)}**"
        block = "\n".join(_fenced([*worst, report.again(finding)]))
        parts.append(f"\n\n{title}\n\n{block}")
    if seen := _power(report):
        parts.append(f"\n\n{_escaped(seen)}")
    return _fitting([f"### {parts[0]}", *parts[1:], "\n\n"], most)


def write_junit(report: Report, path: Path) -> None:
    """Raises AttrimarkError where the file cannot be written; one that was there stays."""
    write_whole(as_junit(report).encode(), path)


def append_markdown(report: Report, path: Path) -> None:
    """Add to a job summary, as far as its limit allows.

    Raises:
        AttrimarkError: the file cannot be written; what was there stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        there = path.stat().st_size if path.exists() else 0
        with open(path, "ab") as file:
            file.write(as_markdown(report, MOST_MARKDOWN - there).encode())
    except OSError as error:
        raise AttrimarkError(f"{path} could not be written: {error.strerror}") from error


# What is said


def _sorted(report: Report) -> list[Finding]:
    """What others follow from, then worst first: what gates before what informs, the model before its explanations."""

    def rank(each: Finding) -> tuple[Any, ...]:
        of_explanations = method_of(each.cell) != MODEL_ALONE
        return not each.explains, VERDICTS.index(each.verdict), not each.gates, of_explanations

    return sorted(report.findings, key=rank)


def _is_bad(finding: Finding) -> bool:
    return finding.verdict in ("regressed", "missing")


def _outcome(finding: Finding) -> Literal["passed", "failure", "error", "skipped"]:
    """How JUnit takes a finding; one that only informs never fails."""
    if _is_bad(finding) and finding.gates:
        return "error" if finding.kind == "state" else "failure"
    return "passed" if finding.verdict in ("same", "improved") else "skipped"


def _verdict(finding: Finding) -> str:
    return finding.verdict if finding.gates else f"{finding.verdict} (informs)"


def _power(report: Report) -> str:
    """What could have been seen, where values changed: the largest room of each metric."""
    room: dict[str, float] = {}
    for finding in report.findings:
        if finding.detectable is not None:
            room[finding.what] = max(room.get(finding.what, 0.0), finding.detectable)
    told = ", ".join(f"{what} by {most:.2g}" for what, most in room.items())
    return f"Would have been seen, four times in five, in every cell: {told}." if told else ""


def _worst(text: WorstText) -> Iterator[str]:
    yield printable(f"{text.text}: {_number(text.before)} → {_number(text.after)}")
    if text.words_before or text.words_after:
        yield f"  recorded: {printable(text.words_before)}"
        yield f"  now:      {printable(text.words_after)}"


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "not finite"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 1 else f"{value:.4g}"


def _fitting(parts: Sequence[str], most: int) -> str:
    """As many whole parts as fit, with a word about the rest."""
    if sum(len(part.encode()) for part in parts) <= most:
        return "".join(parts)
    kept, left = [], most - len(_CUT.encode())
    for part in parts:
        left -= len(part.encode())
        if left < 0:
            break
        kept.append(part)
    return "".join(kept) + _CUT if kept else ""


# From names to characters


def _folded(name: str) -> str:
    return textwrap.fill(printable(name), 44)


def _lines(text: str) -> list[str]:
    return textwrap.wrap(printable(text), WIDTH, subsequent_indent="  ", break_long_words=False)


def _escaped(text: str) -> str:
    """Characters that Markdown or HTML would take for markup, made plain; on one line, and mentioning nobody."""
    plain = re.sub(r"([\\`*_{}\[\]()<>#+!|~&])", r"\\\1", printable(text))
    return plain.replace("@", "@\u200b")


def _fenced(lines: Sequence[str]) -> list[str]:
    """A block of code; a fence longer than any run of backticks inside, so that no text can end it."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *map(printable, lines), fence]


def to_line(report: Report) -> str:
    """The JSON, for standard output."""
    return json_text(as_json(report))
