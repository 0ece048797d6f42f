"""A run compared with what was recorded: one finding for each state, cost and metric, with its verdict.

Costs are counted, so they are compared as numbers; the values of metrics are compared by statistics, and only the
primary metrics gate; wall time is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from attrimark_registry.text import Example
from jaxtyping import Float

from attrimark.results.paired import paired
from attrimark.results.scores import is_control
from attrimark.statistics.holm import holm
from attrimark.statistics.intervals import FEWEST_SEEDS
from attrimark.suite.names import MODEL_ALONE

from .accuracy_change import COLLAPSE, fall_p_value, is_accuracy
from .quality_change import ALPHA, FEWEST_TEXTS, detectable, new_seed_detectable, new_seed_p_value, p_value
from .recorded import Recorded, RecordedCell, Values, group_of, method_of
from .recording import means_by_group
from .roles import by_role
from .score_array import score_array
from .tolerances import LIMITED_BY_MACHINE, is_equal, smallest_change, tolerance_of
from .worst_texts import WorstText, by_cost, by_value

Verdict = Literal["same", "improved", "regressed", "inconclusive", "new", "missing", "incomparable"]
Kind = Literal["state", "cost", "quality"]
Mode = Literal["same-weights", "retrained"]
Improvements = Literal["warn", "fail", "ignore"]

VERDICTS: tuple[Verdict, ...] = ("regressed", "missing", "incomparable", "inconclusive", "improved", "new", "same")
PASSED, REGRESSED, NOTHING, INCONCLUSIVE = 0, 1, 5, 7  # exit codes

RECIPE, WEIGHTS = "recipe", "weights"  # that are others than those recorded
CHECKPOINTS_ONLY = f"speaks for these checkpoints only: fewer than {FEWEST_SEEDS} seeds"


@dataclass(frozen=True)
class Finding:
    """One thing compared.

    Attributes:
        cell: a cell's name; for quality and time what its seeds share.
        what: "status", or the name of a cost or a metric.
        gates: whether it decides about the build.
        before, after: what was compared: sums over texts for costs, means over seeds and texts for metrics.
        reason: in words.
        detectable: the smallest worsening that would have been seen, four times in five.
        worst: the texts that lost most, where it regressed.
    """

    cell: str
    what: str
    kind: Kind
    verdict: Verdict
    gates: bool = True
    before: float | None = None
    after: float | None = None
    reason: str = ""
    detectable: float | None = None
    worst: tuple[WorstText, ...] = ()

    @property
    def explains(self) -> bool:
        """Whether it says what other findings follow from: another recipe, other weights."""
        return self.what in (RECIPE, WEIGHTS)


def compare(
    before: Recorded, after: Recorded, mode: Mode | None = None, examples: Mapping[str, Example] | None = None
) -> list[Finding]:
    """Every finding, cell by cell, then the metrics.

    Args:
        mode: what is known of the models; by default a model whose weights changed is taken as trained again.
        examples: the texts by the name that recorded files give them, where reports may show them.
    """
    texts = examples or {}
    before, changes = by_role(before, after)
    findings = [Finding(group, RECIPE, "state", "new", gates=False, reason=why) for group, why in changes.items()]
    findings += _other_weights(before, after)
    for name in sorted({*before.cells, *after.cells}):
        findings += _of_cell(name, before.cells.get(name), after.cells.get(name), texts)
    findings += _quality(before, after, mode, texts)
    return [replace(each, gates=False) if _of_control(each) else each for each in findings]


def _of_control(finding: Finding) -> bool:
    """What a random ranking scores or costs says nothing of a build; that it broke does."""
    return finding.kind != "state" and is_control(method_of(finding.cell))


def _other_weights(before: Recorded, after: Recorded) -> Iterator[Finding]:
    """Models that are not trained here, and are no longer the same: their first cell says so."""
    seen: set[str] = set()
    for name in sorted(before.cells.keys() & after.cells.keys()):
        old, new = before.cells[name].facts, after.cells[name].facts
        if not new.seeded and old.weights != new.weights and new.weights not in seen:
            seen.add(new.weights)
            reason = "the weights changed: compared text by text, for nothing was trained here"
            yield Finding(name, WEIGHTS, "state", "new", gates=False, reason=reason)


def exit_code(findings: Sequence[Finding], strict: bool = False, improvements: Improvements = "warn") -> int:
    """What the findings mean for a build."""
    gating = {finding.verdict for finding in findings if finding.gates}
    if not findings:
        return NOTHING
    if gating & {"regressed", "missing"} or (improvements == "fail" and "improved" in gating):
        return REGRESSED
    open_primary = any(each.gates and each.kind == "quality" and each.verdict == "incomparable" for each in findings)
    if open_primary or any(map(_may_have_fallen, findings)) or (strict and gating & {"inconclusive", "incomparable"}):
        return INCONCLUSIVE
    return PASSED


def _may_have_fallen(finding: Finding) -> bool:
    """Whether a model's accuracy fell far, on too few texts to tell: a model that broke must not pass for that."""
    alone = method_of(finding.cell) == MODEL_ALONE and is_accuracy(finding.what, None)
    far = (finding.before or 0.0) - (finding.after or 0.0) >= COLLAPSE
    return alone and far and finding.gates and finding.verdict == "inconclusive"


# State and cost, cell by cell


def _of_cell(
    name: str, before: RecordedCell | None, after: RecordedCell | None, examples: Mapping[str, Example]
) -> Iterator[Finding]:
    if before is None:
        yield Finding(name, "status", "state", "new", gates=False, reason="not recorded yet")
    elif after is None:
        yield Finding(name, "status", "state", "missing", reason="recorded, and not in this run")
    else:
        state = _state(name, before, after)
        yield state
        if before.facts.status == after.facts.status == "ok":
            yield from _metric_states(name, before, after, examples)
            yield from _costs(name, before, after, examples)


def _state(name: str, before: RecordedCell, after: RecordedCell) -> Finding:
    old, new = before.facts, after.facts
    finding = Finding(name, "status", "state", "same", reason=new.status)
    if old.status == "ok" != new.status:
        return replace(finding, verdict="regressed", reason=f"was ok, is {new.status}: {new.why or 'no reason given'}")
    if old.status != "ok" == new.status:
        return replace(finding, verdict="improved", reason=f"was {old.status}, is ok")
    if new.texts < old.texts and old.dataset == new.dataset:
        return replace(finding, verdict="regressed", reason=f"explains {new.texts} of the {old.texts} texts recorded")
    return finding


def _metric_states(
    name: str, before: RecordedCell, after: RecordedCell, examples: Mapping[str, Example]
) -> Iterator[Finding]:
    """Metrics that stopped giving values; broken is broken, whether they are primary or not."""
    for metric, old in before.facts.metrics.items():
        new = after.facts.metrics.get(metric)
        finding = Finding(name, metric, "state", "regressed", before=old.median)
        if new is None:
            yield replace(finding, verdict="missing", reason="recorded, and not measured in this run")
        elif old.status == "ok" != new.status:
            lost = by_value(before, after, metric, examples) if new.status == "invalid" else ()
            what = "values that are not finite" if new.status == "invalid" else f"is {new.status}"
            yield replace(finding, reason=f"was ok, now {what}", worst=lost)
        elif old.status == "ok" and _fewer(before, after, metric):
            yield replace(finding, reason=f"has values for {new.texts} of the {old.texts} texts recorded")
        elif old.texts == 0 < new.texts:
            yield replace(finding, verdict="new", gates=False, reason="had no value for any text")
    for metric in after.facts.metrics:
        if metric not in before.facts.metrics:
            yield Finding(name, metric, "state", "new", gates=False, reason="not recorded yet")


def _fewer(before: RecordedCell, after: RecordedCell, metric: str) -> bool:
    """Whether texts lost their value; a model that was trained again may decide where a metric applies."""
    old, new = before.facts.metrics[metric].texts, after.facts.metrics[metric].texts
    return new < old and (new == 0 or before.facts.weights == after.facts.weights)


def _costs(name: str, before: RecordedCell, after: RecordedCell, examples: Mapping[str, Example]) -> Iterator[Finding]:
    old, new = before.facts, after.facts
    changed = _changed(before, after)
    if changed and old.costs:
        yield Finding(name, "cost", "cost", "incomparable", reason=changed)
        return
    if old.texts != new.texts:
        yield Finding(name, "cost", "cost", "incomparable", gates=False, reason="another number of texts was explained")
        return
    for cost in sorted({*old.costs, *new.costs}):
        finding = Finding(name, cost, "cost", "same", before=_number(old.costs, cost), after=_number(new.costs, cost))
        if cost not in old.costs:
            yield replace(finding, verdict="new", gates=False, reason="not recorded yet")
        elif cost not in new.costs:
            yield replace(finding, verdict="missing", reason="recorded, and not counted now")
        elif cost in LIMITED_BY_MACHINE and old.machine != new.machine:
            told = f"recorded on {old.machine}, run on {new.machine}"
            yield replace(finding, verdict="incomparable", gates=False, reason=told)
        else:
            yield _cost(finding, before, after, examples)


def _cost(finding: Finding, before: RecordedCell, after: RecordedCell, examples: Mapping[str, Example]) -> Finding:
    cost = finding.what
    old, new = before.facts.costs[cost], after.facts.costs[cost]
    tolerance = tolerance_of(cost, after.facts.machine)
    if new > old * (1 + tolerance):
        rise = f"+{new / old - 1:.2%}" if old else "from nothing"
        allowed = f"{tolerance:.1%} allowed" if tolerance else "none allowed"
        worst = by_cost(before, after, cost, examples)
        return replace(finding, verdict="regressed", reason=f"{rise}, {allowed}", worst=worst)
    if new < old * (1 - tolerance):
        return replace(finding, verdict="improved", reason=f"{new / old - 1:.2%}")
    return finding


def _number(costs: Mapping[str, int], cost: str) -> float | None:
    return float(costs[cost]) if cost in costs else None


def _changed(before: RecordedCell, after: RecordedCell, metric: str | None = None) -> str | None:
    """What makes two cells, or their values of a metric, incomparable."""
    old, new = before.facts, after.facts
    if old.dataset != new.dataset:
        return "the dataset's texts or version changed"
    if old.method != new.method:
        return f"the method's version changed from {old.method} to {new.method}"
    if metric is None:
        return None
    one, other = old.metrics[metric], new.metrics[metric]
    if one.version != other.version:
        return f"the metric's version changed from {one.version} to {other.version}"
    if one.operators != other.operators or old.operator != new.operator:
        return "features are removed by other operators"
    return None


# Quality, over the seeds and texts of a group


@dataclass(frozen=True, eq=False)
class _Test:
    """A comparison that needs statistics: its finding so far, and what the verdict depends on.

    Attributes:
        drop: the mean worsening; negative where it is better.
        threshold: the smallest change that counts.
        worse, better: one-sided p-values.
        room: the worsening that would have been seen, given the number of tests.
    """

    finding: Finding
    drop: float
    threshold: float
    worse: float
    better: float
    drops: Float[np.ndarray, "seeds texts"] | None = None
    reseeds: tuple[float, ...] = ()
    seeds: int = 1
    worst: tuple[WorstText, ...] = ()

    def room(self, tests: int) -> float:
        if self.drops is not None:
            return detectable(self.drops, tests)
        return new_seed_detectable(self.reseeds, self.seeds, tests)


def _quality(before: Recorded, after: Recorded, mode: Mode | None, examples: Mapping[str, Example]) -> list[Finding]:
    groups: dict[tuple[str, str], list[str]] = {}
    for name in sorted({*before.cells} & {*after.cells}):
        for metric in before.cells[name].facts.metrics:
            sides = before.cells[name], after.cells[name]
            # where one side alone is invalid, that is a finding about the cell
            if all(_has_values(cell, metric) for cell in sides) or all(_is_invalid(cell, metric) for cell in sides):
                groups.setdefault((group_of(name), metric), []).append(name)
    means = means_by_group(before), means_by_group(after)
    found = [
        _group(group, metric, names, before, after, mode, means, examples) for (group, metric), names in groups.items()
    ]
    return [each for gates in (True, False) for each in _judged([one for one in found if _gates(one) == gates])]


def _has_values(cell: RecordedCell, metric: str) -> bool:
    told = cell.facts.metrics.get(metric)
    if cell.facts.status != "ok" or told is None or told.status != "ok" or metric not in cell.values:
        return False
    return bool(np.isfinite(cell.values[metric].numbers).any())


def _is_invalid(cell: RecordedCell, metric: str) -> bool:
    return metric in cell.facts.metrics and cell.facts.metrics[metric].status == "invalid"


def _gates(each: Finding | _Test) -> bool:
    return each.finding.gates if isinstance(each, _Test) else each.gates


def _group(
    group: str,
    metric: str,
    names: Sequence[str],
    before: Recorded,
    after: Recorded,
    mode: Mode | None,
    means: tuple[Mapping[str, Mapping[str, tuple[float, ...]]], ...],
    examples: Mapping[str, Example],
) -> Finding | _Test:
    sides = [(before.cells[name], after.cells[name]) for name in names]
    finding = Finding(group, metric, "quality", "same", gates=metric in before.primary)
    changed = next((why for old, new in sides if (why := _changed(old, new, metric))), None)
    refused = next(filter(None, (cell.scores(metric).refusal for side in sides for cell in side)), None)
    if changed or refused:
        return replace(finding, verdict="incomparable", reason=changed or refused)
    made = paired(score_array(before, names, metric), score_array(after, names, metric))
    if made.problem:
        return replace(finding, verdict="incomparable", reason=made.problem)
    finding = replace(finding, before=_mean(made.before), after=_mean(made.after))
    if all(_is_equal(one.values[metric], other.values[metric]) for one, other in sides):
        return replace(finding, reason="equal for every text")
    better = sides[0][1].facts.metrics[metric].better
    if better == "neither":
        return replace(finding, verdict="inconclusive", gates=False, reason="it describes: neither is better")
    higher = better == "higher"
    drops = made.change * (-1 if higher else 1)
    seeded = any(new.facts.seeded for _, new in sides)
    trained_again = any(one.facts.weights != other.facts.weights for one, other in sides)
    worst = by_value(*max(sides, key=lambda pair: _lost(*pair, metric, higher)), metric, examples)
    known = made.before.mean(axis=0)
    threshold = smallest_change(known[np.isfinite(known)])
    again = (mode or ("retrained" if trained_again and seeded else "same-weights")) == "retrained"
    if is_accuracy(metric, sides[0][1].facts.method):
        fell = _fallen(finding, drops, COLLAPSE if again else threshold, worst)
        if fell:
            return fell
    if again:
        # the reseeded models, or the suite's own seeds where these are enough
        reseeds = before.reseeds.get(group, {}).get(metric) or means[0][group][metric]
        return _retrained(finding, reseeds, means[1][group][metric], higher, threshold, worst, seeded)
    return _paired(finding, drops, threshold, worst)


def _is_equal(one: Values, other: Values) -> bool:
    """Whether the texts that both have, if there are any, have the same values."""
    known = {*other.texts}
    shared = [text for text in one.texts if text in known]
    return bool(shared) and is_equal(one.of(shared), other.of(shared))


def _fallen(
    finding: Finding, drops: Float[np.ndarray, "seeds texts"], threshold: float, worst: tuple[WorstText, ...]
) -> Finding | None:
    """That a model's accuracy fell, or may have, by its own test; it gates, primary or not."""
    drop, p = _mean(drops), fall_p_value(drops)
    if drop < threshold or (p > ALPHA and drop < COLLAPSE):
        return None
    if p > ALPHA:
        told = f"the accuracy fell by {drop:.3f}, on too few texts to tell (p = {p:.2g}, exact sign test): measure more"
        return replace(finding, verdict="inconclusive", gates=True, reason=told, worst=worst)
    reason = f"the accuracy fell by {drop:.3f} (p = {p:.2g}, exact sign test over texts)"
    return replace(finding, verdict="regressed", gates=True, reason=reason, worst=worst)


def _paired(
    finding: Finding, drops: Float[np.ndarray, "seeds texts"], threshold: float, worst: tuple[WorstText, ...]
) -> Finding | _Test:
    texts = int(np.isfinite(drops).all(axis=0).sum())
    if texts < FEWEST_TEXTS:
        told = f"values changed, and {texts} texts are fewer than the {FEWEST_TEXTS} that a verdict needs"
        return replace(finding, verdict="inconclusive", reason=told)
    if len(drops) < FEWEST_SEEDS:
        finding = replace(finding, reason=CHECKPOINTS_ONLY)
    return _Test(finding, _mean(drops), threshold, p_value(drops), p_value(-drops), drops=drops, worst=worst)


def _retrained(
    finding: Finding,
    reseeds: tuple[float, ...],
    now: tuple[float, ...],
    higher: bool,
    threshold: float,
    worst: tuple[WorstText, ...],
    seeded: bool,
) -> Finding | _Test:
    """The new model's mean against those of models that differ in their seed only."""
    if len(reseeds) < FEWEST_SEEDS:
        seeds = "one seed" if len(reseeds) == 1 else f"{len(reseeds)} seeds"
        advice = f"; attrimark record --reseeds {FEWEST_SEEDS} would know" if seeded else ", and no seed makes another"
        told = f"cannot tell from reseeding: recorded with {seeds}{advice}"
        return replace(finding, verdict="inconclusive", reason=told)
    drop = float(np.mean(reseeds) - np.mean(now)) * (1 if higher else -1)
    worse, better = (new_seed_p_value(reseeds, now, way) for way in (higher, not higher))
    finding = replace(finding, before=float(np.mean(reseeds)), after=float(np.mean(now)), reason="trained again")
    return _Test(finding, drop, threshold, worse, better, reseeds=reseeds, seeds=len(now), worst=worst)


def _judged(found: Sequence[Finding | _Test]) -> Iterator[Finding]:
    """Verdicts, by Holm's rule over all tests that gate together."""
    tests = [each for each in found if isinstance(each, _Test)]
    worse, better = (iter(holm([getattr(each, way) for each in tests])) for way in ("worse", "better"))
    for each in found:
        if isinstance(each, _Test):
            yield _verdict(each, next(worse), next(better), len(tests))
        else:
            yield each


def _verdict(test: _Test, worse: float, better: float, tests: int) -> Finding:
    room = test.room(tests)
    finding = replace(test.finding, detectable=None if np.isnan(room) else room)
    turned = "the median moved the other way" if _disagree(test.drops) else ""
    about = "; ".join(filter(None, [test.finding.reason, turned, f"a change of {test.threshold:.3g} counts"]))
    if test.drop >= test.threshold and worse <= ALPHA:
        return replace(finding, verdict="regressed", reason=f"p = {worse:.2g}; {about}", worst=test.worst)
    if -test.drop >= test.threshold and better <= ALPHA:
        return replace(finding, verdict="improved", reason=f"p = {better:.2g}; {about}")
    if abs(test.drop) >= test.threshold:
        told = f"a change this large may be chance (p = {min(1.0, worse, better):.2g}); {about}"
        return replace(finding, verdict="inconclusive", reason=told)
    return replace(finding, reason=f"moved by less; {about}")


def _disagree(drops: Float[np.ndarray, "seeds texts"] | None) -> bool:
    """Whether mean and median over texts have moved in opposite directions."""
    if drops is None:
        return False
    means = drops[:, np.isfinite(drops).all(axis=0)].mean(axis=0)
    return bool(means.size) and float(np.mean(means)) * float(np.median(means)) < 0


def _mean(values: Float[np.ndarray, "seeds texts"]) -> float:
    """Over the texts that are whole."""
    whole = values[:, np.isfinite(values).all(axis=0)]
    return float(whole.mean()) if whole.size else float("nan")


def _lost(before: RecordedCell, after: RecordedCell, metric: str, higher: bool) -> float:
    """How much one cell lost."""
    change = float(np.nanmean(after.scores(metric).by_text) - np.nanmean(before.scores(metric).by_text))
    return -change if higher else change
