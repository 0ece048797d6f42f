"""Each kind of regression gets its verdict, clean runs get none, and reports say what to do."""

import json
import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from attrimark.statistics.holm import holm
from attrimark.statistics.intervals import crossed_interval
from attrimark.studies.regression.accuracy_change import fall_p_value
from attrimark.studies.regression.quality_change import (
    detectable,
    new_seed_detectable,
    new_seed_p_value,
    p_value,
    texts_needed,
)
from attrimark.studies.regression.recorded import (
    Explanations,
    Facts,
    Recorded,
    RecordedCell,
    RecordedMetric,
    Values,
    hashed,
    name_of,
)
from attrimark.studies.regression.regression import CHECKPOINTS_ONLY, Finding, compare, exit_code
from attrimark.studies.regression.reports import (
    Report,
    append_markdown,
    as_json,
    as_junit,
    as_markdown,
    as_text,
    notes_on,
    write_junit,
)
from attrimark.suite.names import MODEL_ALONE
from attrimark_registry import AttrimarkError, Example
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

COUNT = 40
IDS = [f"t{number}" for number in range(COUNT)]
GROUP = "films × tiny × none × occlusion"
COSTS = {"backwards": 0, "flops": 10**6 * COUNT, "forwards": 10 * COUNT, "peak": 10**5, "subsets": 400, "tokens": 9000}
WORDS = "a film so dull it hurts"


def scores(seed=0, mean=0.6, spread=0.1):
    return mean + np.random.default_rng(seed).normal(0, spread, COUNT)


def cell(values=None, *, costs=COSTS, status="ok", metrics=("kept",), metric="ok", count=COUNT, words=None, **facts):
    """A cell whose metrics all have these values, one a text."""
    values = scores() if values is None else values
    texts = tuple(map(hashed, IDS[: len(values)]))
    told = RecordedMetric(
        version="1", better="higher", status=metric, operators=("",), median=0.6, texts=int(np.isfinite(values).sum())
    )
    known = {
        "because": "first", "costs": dict(costs), "dataset": "d", "machine": "Linux x86_64, cpu", "method": "1",
        "metrics": dict.fromkeys(metrics, told), "operator": "mask", "role": "", "seeded": True, "status": status,
        "texts": count, "weights": "w",
        "why": None if status == "ok" else "RuntimeError: boom",
    }  # fmt: skip
    words = np.tile(np.float32([0.1, 0.2, 0.0, 0.9, 0.1, 0.3]), len(texts)) if words is None else words
    starts = np.cumsum([0, *(len(word) + 1 for word in WORDS.split())])[:-1]
    spans = [(0, start, start + len(word)) for start, word in zip(starts, WORDS.split(), strict=True)]
    each = np.array([[value // max(1, count) for _, value in sorted(costs.items())]] * len(texts), dtype=np.int64)
    made = Explanations(texts, np.full(len(texts), 6, np.int32), words, np.array(spans * len(texts), np.int32), each)
    return RecordedCell(Facts(**{**known, **facts}), {name: Values(texts, values[None]) for name in metrics}, made)


def suite(*cells, primary=("kept",), group=GROUP, **rules):
    return Recorded("ci", primary, {name_of(group, seed): each for seed, each in enumerate(cells)}, **rules)


def judged(before, after, **options):
    """The findings that are not the same, by what was compared."""
    return {each.what: each for each in compare(before, after, **options) if each.verdict != "same"}


EXAMPLES = {hashed(name): Example(name, (WORDS,)) for name in IDS}


# Clean runs


def test_the_same_numbers_pass():
    findings = compare(suite(cell()), suite(cell()))
    assert {each.verdict for each in findings} == {"same"}
    assert exit_code(findings, strict=True, improvements="fail") == 0


@pytest.mark.parametrize("repetition", range(10))
def test_what_arithmetic_leaves_open_passes(repetition):
    noise = np.random.default_rng(repetition).uniform(-1.5e-6, 1.5e-6, COUNT)
    findings = compare(suite(cell()), suite(cell(scores() + noise, costs={**COSTS, "peak": 10**5 + repetition})))
    assert {each.verdict for each in findings} == {"same"}


# State


@pytest.mark.parametrize("status", ["failed", "oom", "timeout", "crashed", "unsupported"])
def test_a_cell_that_was_ok_and_is_not_is_a_regression(status):
    findings = compare(suite(cell()), suite(cell(status=status)))
    assert [each.verdict for each in findings] == ["regressed"]
    assert "boom" in findings[0].reason
    assert exit_code(findings) == 1


def test_a_missing_cell_fails_and_a_new_one_does_not():
    lost = compare(suite(cell(), cell()), suite(cell()))
    assert [each.cell for each in lost if each.verdict == "missing"] == [name_of(GROUP, 1)]
    assert exit_code(lost) == 1
    assert exit_code(compare(suite(cell()), suite(cell(), cell()))) == 0


def test_a_metric_that_turned_nan_is_a_regression_even_where_it_only_informs():
    values = scores()
    values[3] = np.inf
    for primary in (("kept",), ()):
        found = judged(suite(cell(), primary=primary), suite(cell(values, metric="invalid")), examples=EXAMPLES)
        assert found["kept"].verdict == "regressed"
        assert "not finite" in found["kept"].reason
        assert [each.text for each in found["kept"].worst] == ["t3"]
        assert exit_code(list(found.values())) == 1


def test_a_metric_that_is_gone_is_missing():
    found = judged(suite(cell(metrics=("kept", "lost"))), suite(cell()))
    assert {what: each.verdict for what, each in found.items()} == {"lost": "missing"}
    assert exit_code(list(found.values())) == 1


def test_texts_that_lose_their_explanation_or_value_are_a_regression():
    fewer = compare(suite(cell()), suite(cell(scores()[:-1], count=COUNT - 1)))
    found = {(each.what, each.kind): each for each in fewer}
    assert found["status", "state"].verdict == "regressed"
    assert found["status", "state"].reason == "explains 39 of the 40 texts recorded"
    assert found["kept", "state"].verdict == "regressed"
    assert found["cost", "cost"].verdict == "incomparable"
    assert found["kept", "quality"].verdict == "same"
    assert exit_code(fewer) == 1
    values = scores()
    values[0] = np.nan
    assert judged(suite(cell()), suite(cell(values)))["kept"].verdict == "regressed"


@pytest.mark.parametrize("weights", ["w", "other"])
def test_a_metric_without_any_value_left_is_a_regression(weights):
    empty = np.full(COUNT, np.nan)
    assert judged(suite(cell()), suite(cell(empty, weights=weights)))["kept"].verdict == "regressed"
    assert judged(suite(cell(empty)), suite(cell(weights=weights)))["kept"].verdict == "new"


def test_what_failed_before_and_works_now_is_improved():
    findings = compare(suite(cell(status="failed")), suite(cell()))
    assert findings[0].verdict == "improved"
    assert exit_code(findings) == 0
    assert exit_code(findings, improvements="fail") == 1


def test_a_text_more_is_no_regression_and_the_others_are_compared():
    found = judged(suite(cell(scores()[1:], count=COUNT - 1)), suite(cell()))
    assert {what: each.verdict for what, each in found.items()} == {"cost": "incomparable"}
    assert exit_code(list(found.values()), strict=True) == 0


# Cost


def test_one_more_forward_for_each_text_is_a_regression():
    found = judged(suite(cell()), suite(cell(costs={**COSTS, "forwards": 11 * COUNT})), examples=EXAMPLES)
    assert {what: each.verdict for what, each in found.items()} == {"forwards": "regressed"}
    assert "+10.00%, none allowed" in found["forwards"].reason
    assert [(each.before, each.after) for each in found["forwards"].worst] == 5 * [(10, 11)]
    assert {each.text for each in found["forwards"].worst} < set(IDS)


@pytest.mark.parametrize("cost", ["subsets", "forwards", "tokens"])
def test_one_more_of_what_is_counted_is_a_regression(cost):
    assert judged(suite(cell()), suite(cell(costs={**COSTS, cost: COSTS[cost] + 1})))[cost].verdict == "regressed"


@pytest.mark.parametrize(
    ("share", "verdict"), [(1.05, "regressed"), (1.0009, None), (0.9991, None), (0.95, "improved")]
)
def test_flops_have_a_tolerance_of_a_thousandth(share, verdict):
    found = judged(suite(cell()), suite(cell(costs={**COSTS, "flops": round(COSTS["flops"] * share)})))
    assert {each.verdict for each in found.values()} == ({verdict} if verdict else set())


def test_bytes_have_the_tolerance_of_their_machine_and_no_meaning_on_another():
    rise = {**COSTS, "peak": round(1.015 * COSTS["peak"])}
    assert judged(suite(cell()), suite(cell(costs=rise)))["peak"].verdict == "regressed"
    cuda = {"machine": "Linux x86_64, H200"}
    assert judged(suite(cell(**cuda)), suite(cell(costs=rise, **cuda))) == {}
    elsewhere = judged(suite(cell()), suite(cell(costs=rise, **cuda)))
    assert {what: each.verdict for what, each in elsewhere.items()} == {"peak": "incomparable"}
    assert exit_code(list(elsewhere.values()), strict=True) == 0


def test_a_cost_that_came_from_nothing_is_told():
    found = judged(suite(cell(costs={**COSTS, "backwards": 0})), suite(cell(costs={**COSTS, "backwards": 5})))
    assert "from nothing" in found["backwards"].reason


def test_the_cost_of_one_method_does_not_depend_on_another():
    other = "films × tiny × none × lime"
    before = replace(suite(cell()), cells={name_of(GROUP, 0): cell(), name_of(other, 0): cell()})
    findings = compare(before, suite(cell()))
    assert {each.cell for each in findings if each.verdict != "same"} == {name_of(other, 0)}


# Quality


def test_noisier_scores_are_a_regression_with_their_worst_texts():
    rng = np.random.default_rng(1)
    noisy = scores() - np.abs(rng.normal(0.08, 0.05, COUNT))
    words = np.tile(np.float32([0.5, 0.2, 0.0, -0.1, 0.1, 0.3]), COUNT)
    found = judged(suite(cell()), suite(cell(noisy, words=words)), examples=EXAMPLES)
    assert found["kept"].verdict == "regressed"
    assert CHECKPOINTS_ONLY in found["kept"].reason
    worst = found["kept"].worst
    drops = scores() - noisy
    assert [each.text for each in worst] == [IDS[place] for place in np.argsort(-drops)[:5]]
    assert worst[0].words_before.startswith("dull +0.9, hurts +0.3")
    assert worst[0].words_after.startswith("a +0.5")
    assert exit_code(list(found.values())) == 1


def test_without_texts_words_are_places():
    found = judged(suite(cell()), suite(cell(scores() - 0.2)))
    assert found["kept"].worst[0].words_before.startswith("0:10-14 +0.9")
    assert found["kept"].worst[0].text in map(hashed, IDS)


def test_better_quality_is_improved_and_lower_may_be_better():
    assert judged(suite(cell()), suite(cell(scores() + 0.1)))["kept"].verdict == "improved"
    sides = [suite(cell(values)) for values in (scores(), scores() + 0.1)]
    for side in sides:
        for each in side.cells.values():
            lower = each.facts.metrics["kept"].model_copy(update={"better": "lower"})
            each.facts.metrics["kept"] = lower
    assert judged(*sides)["kept"].verdict == "regressed"


@pytest.mark.parametrize("seeds", [1, 5])
def test_values_are_paired_by_text_and_not_by_place(seeds):
    def cells(first, last, change=0.0):
        # a text's value is its place, so that pairs of places would differ by a whole text
        texts = tuple(map(hashed, IDS[first:last]))
        made = [cell(np.arange(first, last) / 50 + change, count=last - first) for _ in range(seeds)]
        return suite(*(replace(each, values={"kept": Values(texts, each.values["kept"].numbers)}) for each in made))

    def quality(before, after):
        return next(each for each in compare(before, after) if each.kind == "quality")

    shifted = quality(cells(0, 38), cells(2, 40))
    assert (shifted.verdict, shifted.reason) == ("same", "equal for every text")
    assert shifted.before == shifted.after == pytest.approx(np.arange(2, 38).mean() / 50)
    worse = quality(cells(0, 38), cells(2, 40, -0.1))
    assert (worse.verdict, worse.after - worse.before) == ("regressed", pytest.approx(-0.1))
    apart = quality(cells(0, 20), cells(20, 40))
    assert (apart.verdict, apart.before) == ("inconclusive", pytest.approx(np.nan, nan_ok=True))
    assert "0 texts are fewer than the 30" in apart.reason


def test_the_order_of_texts_is_no_matter():
    turned = cell(scores())
    values = turned.values["kept"]
    turned = replace(turned, values={"kept": Values(values.texts[::-1], values.numbers[:, ::-1])})
    assert judged(suite(cell()), suite(turned)) == {}


def test_a_metric_that_is_not_primary_informs():
    found = judged(suite(cell(), primary=()), suite(cell(scores() - 0.2)))
    assert found["kept"].verdict == "regressed"
    assert exit_code(list(found.values())) == 0


def test_a_metric_of_which_neither_more_nor_less_is_better_never_gates():
    before, after = suite(cell()), suite(cell(scores() - 0.2))
    for side in (before, after):
        for each in side.cells.values():
            each.facts.metrics["kept"] = each.facts.metrics["kept"].model_copy(update={"better": "neither"})
    found = judged(before, after)
    assert (found["kept"].verdict, found["kept"].gates) == ("inconclusive", False)
    assert exit_code(list(found.values()), strict=True) == 0


def test_a_change_too_small_to_matter_is_the_same_however_sure():
    slightly = scores() - np.linspace(0.004, 0.006, COUNT)
    (finding,) = [each for each in compare(suite(cell()), suite(cell(slightly))) if each.kind == "quality"]
    assert finding.verdict == "same"
    assert finding.detectable is not None


@pytest.mark.parametrize("count", [1, 2, 29])
def test_fewer_than_thirty_texts_are_inconclusive(count):
    sides = [suite(cell(values[:count])) for values in (scores(), scores() - 0.3)]
    found = judged(*sides)
    assert found["kept"].verdict == "inconclusive"
    assert str(count) in found["kept"].reason
    assert exit_code(list(found.values())) == 0
    assert exit_code(list(found.values()), strict=True) == 7


def test_a_large_but_uncertain_change_is_inconclusive():
    rng = np.random.default_rng(5)
    wild = scores() - 0.03 + rng.normal(0, 0.5, COUNT)
    wild += scores().mean() - 0.03 - wild.mean()  # a drop of exactly 0.03
    assert judged(suite(cell()), suite(cell(wild)))["kept"].verdict == "inconclusive"


@pytest.mark.parametrize(
    "change", [{"dataset": "e"}, {"method": "2"}, {"metrics": "version"}, {"metrics": "operators"}]
)
def test_what_changed_its_version_is_incomparable_and_never_a_silent_pass(change):
    after = cell(scores() - 0.3)
    if "metrics" in change:
        update = {"version": "2"} if change["metrics"] == "version" else {"operators": ("pad",)}
        after.facts.metrics["kept"] = after.facts.metrics["kept"].model_copy(update=update)
    else:
        after = replace(after, facts=after.facts.model_copy(update=change))
    found = judged(suite(cell()), suite(after))
    assert found["kept"].verdict == "incomparable"
    assert exit_code(list(found.values())) == 7


def test_from_five_seeds_on_seeds_and_texts_are_crossed():
    rng = np.random.default_rng(2)
    old = [scores(seed) for seed in range(5)]
    new = [values - 0.1 + rng.normal(0, 0.05, COUNT) for values in old]
    found = judged(suite(*map(cell, old)), suite(*map(cell, new)))
    assert found["kept"].verdict == "regressed"
    assert CHECKPOINTS_ONLY not in found["kept"].reason
    assert found["kept"].cell == GROUP
    # a loss that is the same everywhere has no spread, and is a loss all the more
    alike = [values - 0.1 for values in old]
    assert judged(suite(*map(cell, old)), suite(*map(cell, alike)))["kept"].verdict == "regressed"
    # one seed that lost much is not all seeds
    lone = [values - (0.5 if place == 0 else 0) for place, values in enumerate(old)]
    assert judged(suite(*map(cell, old)), suite(*map(cell, lone)))["kept"].verdict == "inconclusive"


def test_one_seed_is_said(capsys):
    before, after = suite(cell()), suite(cell(scores() - 0.2))
    (note, *_) = notes_on(before, compare(before, after), "warn")
    assert "Recorded with 1 seed: no interval over seeds" in note


def test_many_tests_raise_the_bar_for_each():
    drop = scores(9, 0.02, 0.065)
    drop += 0.02 - drop.mean()
    names = [f"films × tiny × none × m{number}" for number in range(20)]
    rng = np.random.default_rng(3)
    changes = [rng.normal(0, 0.065, COUNT) for _ in names]
    before = replace(suite(), cells={name_of(name, 0): cell() for name in names})
    crowd = {name_of(name, 0): cell(scores() + change) for name, change in zip(names, changes, strict=True)}
    crowd[name_of(names[0], 0)] = cell(scores() - drop)
    alone = compare(suite(cell()), suite(cell(scores() - drop)))
    assert {each.verdict for each in alone if each.kind == "quality"} == {"regressed"}
    among = compare(before, replace(before, cells=crowd))
    assert next(each for each in among if each.kind == "quality" and each.cell == names[0]).verdict == "inconclusive"


# A retrained model


RESEEDS = {GROUP: {"kept": (0.60, 0.62, 0.58, 0.61, 0.59)}}


def retrained(mean, reseeds=RESEEDS, **options):
    before = suite(cell(scores() + 0.6 - scores().mean()), reseeds=reseeds)
    values = scores(7) + mean - scores(7).mean()
    found = compare(before, suite(cell(values, weights="other")), **options)
    return next(each for each in found if each.kind == "quality")


@pytest.mark.parametrize(
    ("mean", "verdict"), [(0.60, "same"), (0.58, "inconclusive"), (0.50, "regressed"), (0.70, "improved")]
)
def test_a_retrained_model_regresses_outside_of_the_spread_of_new_seeds(mean, verdict):
    assert retrained(mean).verdict == verdict


def test_one_recorded_seed_cannot_tell_from_reseeding():
    finding = retrained(0.3, reseeds={})
    assert finding.verdict == "inconclusive"
    assert "cannot tell from reseeding: recorded with one seed" in finding.reason
    assert exit_code([finding]) == 0
    assert exit_code([finding], strict=True) == 7


def test_the_mode_can_be_said():
    assert retrained(0.3, reseeds={}, mode="same-weights").verdict == "regressed"
    clean = compare(suite(cell()), suite(cell()), mode="retrained")
    assert {each.verdict for each in clean} == {"same"}


def test_new_seeds_of_the_same_training_seldom_regress():
    rng = np.random.default_rng(0)
    hits = [
        new_seed_p_value(list(rng.normal(0.6, 0.05, 5)), [rng.normal(0.6, 0.05)], True) <= 0.05 for _ in range(2000)
    ]
    assert 0.035 < np.mean(hits) < 0.065


def test_the_interval_of_a_new_seed_is_the_closed_form():
    reseeds, now = [0.5, 0.6, 0.7, 0.65, 0.55], [0.4]
    scale = np.std(reseeds, ddof=1) * math.sqrt(1 + 1 / 5)
    assert new_seed_p_value(reseeds, now, True) == pytest.approx(stats.t.sf(0.2 / scale, 4))
    assert new_seed_p_value(reseeds, now, False) == pytest.approx(stats.t.cdf(0.2 / scale, 4))
    assert new_seed_p_value([0.5] * 5, [0.4], True) == 0
    expected = scale * (stats.t.ppf(0.95, 4) + stats.t.ppf(0.8, 4))
    assert new_seed_detectable(reseeds, 1, 1) == pytest.approx(expected)


# The statistics


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_stepping_down_rejects(p_values):
    adjusted = holm(p_values)
    rejected = set()
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        if p_values[place] * (len(p_values) - rank) > 0.05:
            break
        rejected.add(place)
    assert {place for place, value in enumerate(adjusted) if value <= 0.05} == rejected


def test_crossed_p_values_are_where_the_interval_begins_at_zero():
    rng = np.random.default_rng(0)
    drops = 0.05 + rng.normal(0, 0.1, (6, 1)) + rng.normal(0, 0.1, (1, 40)) + rng.normal(0, 0.1, (6, 40))
    p = p_value(drops)
    assert crossed_interval(drops, 1 - 2 * p).low == pytest.approx(0, abs=1e-6)
    assert p_value(-drops) == 1.0


def test_the_bootstrap_agrees_with_the_t_test_on_normal_differences():
    rng = np.random.default_rng(1)
    for drops in rng.normal(0.03, 0.1, (20, 1, 60)):
        assert p_value(drops) == pytest.approx(stats.ttest_1samp(drops[0], 0, alternative="greater").pvalue, abs=0.02)


def test_false_alarms_are_as_rare_as_promised():
    rng = np.random.default_rng(2)
    alarms = [p_value(rng.normal(0, 0.2, (1, 30))) <= 0.05 for _ in range(300)]
    assert np.mean(alarms) <= 0.05 + 2.33 * math.sqrt(0.05 * 0.95 / 300)


def test_power_is_what_the_documentation_says():
    """A drop of 0.05 at a spread of 0.2: one test on 100 texts, and the strictest of 100 tests on 30 texts."""
    rng = np.random.default_rng(3)
    seen = np.mean([p_value(rng.normal(0.05, 0.2, (1, 100))) <= 0.05 for _ in range(250)])
    assert 0.72 < seen < 0.89
    seldom = np.mean([p_value(rng.normal(0.05, 0.2, (1, 30))) <= 0.05 / 100 for _ in range(250)])
    assert seldom < 0.09
    assert texts_needed(0.05, 0.2) == 99
    flat = rng.normal(0, 1, 100)
    flat = 0.2 * (flat - flat.mean()) / flat.std(ddof=1)
    assert detectable(flat[None], 1) == pytest.approx(0.05, abs=0.001)


def test_one_text_has_no_detectable_change():
    assert math.isnan(detectable(np.array([[0.1]]), 1))


# Exit codes and reports


def finding(verdict, gates=True, kind="quality", **more):
    return Finding("a|b <script> @someone\x1b[31m", "kept", kind, verdict, gates, **more)


@pytest.mark.parametrize(
    ("verdicts", "strict", "improvements", "code"),
    [
        ([], False, "warn", 5),
        (["same"], True, "fail", 0),
        (["regressed", "incomparable"], False, "warn", 1),
        (["missing"], False, "warn", 1),
        (["incomparable"], False, "ignore", 7),
        (["inconclusive"], False, "warn", 0),
        (["inconclusive"], True, "warn", 7),
        (["improved"], True, "warn", 0),
        (["improved"], False, "fail", 1),
        (["new"], True, "fail", 0),
    ],
)
def test_findings_have_their_exit_code(verdicts, strict, improvements, code):
    assert exit_code([finding(verdict) for verdict in verdicts], strict, improvements) == code
    if verdicts:
        assert exit_code([finding(verdict, gates=False) for verdict in verdicts], strict, improvements) == 0


def report(before=None, after=None):
    before, after = before or suite(cell()), after or suite(cell(scores() - 0.2, costs={**COSTS, "forwards": 500}))
    findings = [
        *compare(before, after, examples=EXAMPLES),
        finding("inconclusive", reason="may be chance", detectable=0.1),
    ]
    return Report("ci", findings, ["regress", "ci"], exit_code(findings), ["a note"])


def test_the_terminal_names_the_worst_texts_and_the_command_to_repeat():
    shown = as_text(report())
    assert shown.startswith("ci failed: 2 regressed")
    assert "recorded: dull +0.9" in shown
    assert "attrimark regress ci --only 'films × tiny × none × occlusion × seed *'" in shown
    assert "attrimark regress ci --only 'films × tiny × none × occlusion × seed 0'" in shown
    assert "\x1b" not in shown


def test_patterns_in_names_are_escaped():
    made = Report("ci", [], ["regress", "ci"], 0)
    assert "data([[]1, 2], [*])" in made.again(Finding("data([1, 2], *)", "status", "state", "missing"))


def test_json_is_plain(tmp_path):
    values = scores()
    values[0] = np.inf
    told = json.loads(json.dumps(as_json(report(after=suite(cell(values, metric="invalid")))), allow_nan=False))
    assert told["exit_code"] == 1
    assert {each["verdict"] for each in told["findings"]} >= {"regressed", "same"}


def test_junit_counts_failures_errors_and_skipped(tmp_path):
    lost = report(suite(cell(), cell()), suite(cell(scores() - 0.2)))
    write_junit(lost, tmp_path / "junit.xml")
    root = ElementTree.fromstring((tmp_path / "junit.xml").read_bytes())
    assert root.attrib["failures"] == "1"
    assert root.attrib["errors"] == "1"
    assert root.attrib["skipped"] == "1"
    cases = {(case.get("classname"), case.get("name")): case for case in root}
    assert len(cases) == int(root.attrib["tests"]) == len(root)
    assert "worst" not in cases[GROUP, "kept"].attrib
    failure = cases[GROUP, "kept"].find("failure")
    assert failure is not None
    assert "dull +0.9" in (failure.text or "")
    assert cases[name_of(GROUP, 1), "status"].find("error") is not None


def test_markdown_is_escaped_appended_and_cut(tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    append_markdown(report(), path)
    written = path.read_text()
    assert written.startswith("before\n### ci failed")
    assert "\\<script\\>" in written
    assert "<script>" not in written.replace("\\<script\\>", "")
    assert "@someone" not in written
    assert "\x1b" not in written
    assert "a\\|b" in written
    limit = 900
    cut = as_markdown(report(), limit)
    assert len(cut.encode()) <= limit
    assert "cut" in cut
    assert cut.count("```") % 2 == 0


def test_a_full_summary_is_left_alone(tmp_path):
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * 1_000_000)
    append_markdown(report(), path)
    assert path.stat().st_size == 1_000_000


def test_texts_cannot_end_a_block_of_code():
    fences = as_markdown(Report("ci", [finding("regressed", worst=())], ["regress", "```\nci"], 1))
    assert "````" in fences


def test_what_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("here")
    for write in (write_junit, append_markdown):
        with pytest.raises(AttrimarkError, match="could not be written"):
            write(report(), tmp_path / "file" / "out")
    assert (tmp_path / "file").read_text() == "here"


def test_xml_holds_no_control_characters():
    hostile = Report("ci", [finding("regressed", reason="\x00\x1b]]>&<")], ["regress", "ci"], 1)
    assert ElementTree.fromstring(as_junit(hostile)).find("testcase/failure") is not None


# Models that are not trained here, and accuracy

ALONE = f"films × hub-classifier × none × {MODEL_ALONE}"


def right(share, count=COUNT):
    """Right for that share of the texts."""
    return (np.arange(count) < round(share * count)).astype(float)


def of_model(share, count=COUNT, *, seeded=False, **facts):
    values = right(share, count)
    return cell(values, metrics=("accuracy",), count=count, method=None, seeded=seeded, **facts)


def test_a_model_that_is_not_trained_here_is_compared_text_by_text_and_its_weights_come_first():
    before = suite(of_model(0.95), primary=("accuracy",), group=ALONE)
    after = suite(of_model(0.5, weights="others"), primary=("accuracy",), group=ALONE)
    findings = compare(before, after)
    assert exit_code(findings) == 1
    told = as_text(Report("ci", findings, ["regress", "ci"], 1))
    assert "the weights changed: compared text by text" in " ".join(told.split())
    (found,) = [each for each in findings if each.kind == "quality"]
    assert (found.verdict, found.gates) == ("regressed", True)
    assert found.reason == "the accuracy fell by 0.450 (p = 3.8e-06, exact sign test over texts)"


@pytest.mark.parametrize("primary", [("kept",), ()])
@pytest.mark.parametrize("count", [12, 40])
@pytest.mark.parametrize("seeded", [True, False])
def test_a_collapse_of_accuracy_never_passes(primary, count, seeded):
    """With few texts, with a spread of seeds that is not known, and where accuracy is no primary metric."""
    before = suite(of_model(1.0, count, seeded=seeded), primary=primary, group=ALONE)
    after = suite(of_model(0.5, count, seeded=seeded, weights="others"), primary=primary, group=ALONE)
    assert exit_code(compare(before, after)) == 1


@pytest.mark.parametrize(("count", "now"), [(1, 0.0), (4, 0.0), (12, 0.75)])
def test_a_fall_of_accuracy_that_too_few_texts_show_is_inconclusive(count, now):
    before, after = (suite(of_model(share, count, weights=str(share)), primary=(), group=ALONE) for share in (1.0, now))
    assert exit_code(compare(before, after)) == 7
    assert exit_code(compare(before, before)) == 0


def test_a_fall_of_accuracy_that_seeds_may_explain_does_not_gate():
    before, after = (
        suite(of_model(share, seeded=True, weights=str(share)), primary=("accuracy",), group=ALONE)
        for share in (0.95, 0.93)
    )
    assert exit_code(compare(before, after)) == 0


@pytest.mark.parametrize("worse", range(9))
def test_the_test_of_accuracy_is_mcnemars(worse):
    drops = np.array([[1.0] * worse + [-1.0] * 3 + [0.0] * 20])
    assert fall_p_value(drops) == pytest.approx(stats.binom.sf(worse - 1, worse + 3, 0.5))


def test_reports_name_the_model_before_its_explanations():
    names = [GROUP, ALONE]
    cells = [Finding(name, "accuracy" if name == ALONE else "kept", "quality", "regressed") for name in names]
    told = as_text(Report("ci", cells, ["regress", "ci"], 1))
    assert told.index(f"regressed: {ALONE}") < told.index(f"regressed: {GROUP}")


# What does not gate


def test_the_control_is_no_gate():
    before, after = (suite(each, group="films × tiny × none × random") for each in (cell(), cell(scores() - 0.3)))
    findings = compare(before, after)
    assert {each.verdict for each in findings if each.kind == "quality"} == {"regressed"}
    assert exit_code(findings, strict=True) == 0
    broken = suite(cell(status="failed"), group="films × tiny × none × random")
    assert exit_code(compare(before, broken)) == 1


def test_what_is_incomparable_and_not_primary_passes_unless_one_is_strict():
    before = suite(cell(), primary=())
    after = suite(replace(cell(), facts=cell().facts.model_copy(update={"method": "2"})), primary=())
    findings = compare(before, after)
    assert "incomparable" in {each.verdict for each in findings}
    assert exit_code(findings) == 0
    assert exit_code(findings, strict=True) == 7


def test_a_mean_that_a_few_texts_carry_says_so():
    drops = np.full(COUNT, -0.01)
    drops[:6] = 0.5
    (found,) = [each for each in compare(suite(cell()), suite(cell(scores() - drops))) if each.kind == "quality"]
    assert "the median moved the other way" in found.reason


# Another recipe, other seeds


def test_another_recipe_is_matched_by_its_role():
    old, new = (f"films × tiny × full(epochs={epochs}) × occlusion" for epochs in (8, 1))
    before = suite(cell(role="r"), cell(role="r"), group=old, reseeds={old: {"kept": (0.6, 0.61, 0.59, 0.6, 0.62)}})
    after = suite(*(cell(scores() - 0.3, role="r", weights="others") for _ in range(2)), group=new)
    found = judged(before, after)
    assert not {"missing"} & {each.verdict for each in found.values()}
    assert found["recipe"].reason == f"recorded as {old}: compared by its role"
    assert (found["kept"].verdict, found["kept"].cell) == ("regressed", new)
    assert exit_code(list(found.values())) == 1


def test_another_list_of_seeds_is_compared_in_its_order():
    before = suite(cell(role="r"), cell(role="r"))
    after = Recorded("ci", ("kept",), {name_of(GROUP, seed): cell(role="r") for seed in (7, 8)})
    found = compare(before, after)
    assert {each.verdict for each in found} == {"same", "new"}
    assert [each.reason for each in found if each.verdict == "new"] == [
        "other seeds than were recorded, compared in their order"
    ]
    more = Recorded("ci", ("kept",), {name_of(GROUP, seed): cell(role="r") for seed in range(3)})
    assert {each.what for each in compare(before, more) if each.verdict == "new"} == {"status"}


def test_other_roles_are_missing_and_new():
    before, after = suite(cell(role="one")), suite(cell(role="other"), group="films × other × none × occlusion")
    assert {"missing", "new"} <= {each.verdict for each in compare(before, after)}
