"""A suite and its results in two sentences: what was asked, of what, and how the cells ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from attrimark.document.characters import count, printable
from attrimark.results.results import Results
from attrimark.suite.matrix import named


def asked(results: Results) -> str:
    """Which methods explain which models on which data, and by what they are judged."""
    cells = results.cells
    chains = _different(named(cell.variant.chain) for cell in cells)
    seeds = {cell.variant.seed for cell in cells}
    methods = _different(str(cell.method) for cell in cells if cell.method is not None)
    metrics = _different(str(metric) for cell in cells for metric in cell.metrics)
    told = (
        f"{_all(methods)} on {_all(_different(str(cell.variant.model) for cell in cells))}"
        f"{'' if chains == ['none'] else f' ({_all(chains)})'}, {count(len(seeds), 'seed')}, "
        f"with texts of {_all(_different(str(cell.variant.dataset) for cell in cells))}. Judged by {_all(metrics)}."
    )
    return printable(told)


def statuses(results: Results) -> str:
    """How the cells ended, and why some did not."""
    ends = Counter(record.status for record in results.records.values())
    missing = len(results.cells) - len(results.records)
    told = [f"{times} {status}" for status, times in ends.items()] + ([f"{missing} not run yet"] if missing else [])
    reasons = Counter(
        f"{record.status}: {record.reason}" for record in results.records.values() if record.status != "ok"
    )
    why = "; ".join(f"{times} × {reason}" for reason, times in reasons.most_common())
    return printable(f"{count(len(results.cells), 'cell')}: {', '.join(told)}{f' ({why})' if why else ''}.")


def _different(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _all(names: list[str]) -> str:
    return ", ".join(names)
