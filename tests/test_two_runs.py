"""Two runs are paired on what both have, and nothing that one has not is compared."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from attrimark.results.nothing import Nothing
from attrimark.statistics.intervals import TEXTS_ONLY
from attrimark.studies.two_runs.two_runs import Run, compare_runs
from attrimark.studies.two_runs.two_runs_tables import as_json, sections_of

from tests.references.drawn_records import (
    AGREEMENT,
    LOST,
    METRICS,
    TEXTS,
    accuracy,
    cells,
    ended,
    flat,
    joined,
)
from tests.references.written import rendered


def as_text(found, form="table"):
    return rendered(sections_of(found), form)


EVIL = "<script>|`x`\x1b[31m\n"


def run(name, *groups, metrics=METRICS):
    return Run(name, [record for group in groups for record in group], metrics)


def anew(records):
    """As another version of a plugin would have computed them: other hashes, the same specs."""
    return [replace(each, cell=f"{each.cell}-new") for each in records]


def both(*means, **others):
    """A run before and one after, for each method's two means."""
    before = [cells(f"m{place}", flat(one), **others) for place, (one, _) in enumerate(means)]
    after = [anew(cells(f"m{place}", flat(two), **others)) for place, (_, two) in enumerate(means)]
    return run("A", *before), run("B", *after)


def change_of(found, method="m0", metric="kept"):
    (change,) = (
        each for place in found.places for each in place.changes if (each.method, each.metric) == (method, metric)
    )
    return change


def test_the_difference_is_the_second_minus_the_first():
    change = change_of(compare_runs(*both((0.5, 0.7))))
    assert change.difference.mean == pytest.approx(change.after - change.before)
    assert change.difference.mean == pytest.approx(0.2, abs=0.01)
    assert (change.verdict, change.difference.seeds, change.difference.texts) == ("better", 5, 12)
    assert change.next_seed > 0.95
    assert change.effect > 1


def test_swapping_the_runs_turns_the_sign():
    before, after = both((0.5, 0.7), (0.6, 0.55))
    for method in ("m0", "m1"):
        there, back = (change_of(compare_runs(*pair), method) for pair in ((before, after), (after, before)))
        assert there.difference.mean == pytest.approx(-back.difference.mean)
        assert (there.difference.low, there.difference.high) == pytest.approx(
            (-back.difference.high, -back.difference.low)
        )
        assert there.effect == pytest.approx(-back.effect)
        assert {there.verdict, back.verdict} in ({"better", "worse"}, {"tie"})


def test_where_lower_is_better_a_fall_is_better():
    assert change_of(compare_runs(*both((0.7, 0.5), metric=LOST)), metric="lost").verdict == "better"


def test_the_same_cells_differ_by_nothing_and_are_said_to_be_the_same():
    same = cells("lrp", flat(0.5))
    found = compare_runs(run("A", same), run("B", same))
    change = change_of(found, "lrp")
    assert change.difference.mean == 0
    assert change.verdict in ("tie", "–")
    assert found.places[0].identical == ("lrp",)
    assert found.differs == ()
    assert "The very same cells in both runs: lrp." in as_text(found)
    assert "the same" in as_text(found).split("B − A", 1)[1]


def test_pairing_sees_what_reseeding_would_hide():
    """Seeds and texts vary far more than the runs do; paired, the change is plain."""
    change = change_of(compare_runs(*both((0.5, 0.53))))
    assert change.verdict == "better"
    assert change.difference.half < 0.02


def test_what_only_one_run_has_is_named_and_not_compared():
    before = run("A", cells("lrp", flat(0.5)), cells("old", flat(0.5)), cells("lrp", flat(0.5), chain="full"))
    after = run("B", anew(cells("lrp", flat(0.6))), cells("new", flat(0.5)))
    found = compare_runs(before, after)
    assert [each.method for place in found.places for each in place.changes] == ["lrp"]
    assert found.only_before == ("films × tiny × full (target predicted)", "films × tiny × frozen: old")
    assert found.only_after == ("films × tiny × frozen: new",)
    assert "Only in A: films × tiny × frozen: old" in as_text(found)


def test_a_metric_that_one_run_has_not_is_named():
    judged = [
        joined(one, other)
        for one, other in zip(cells("lrp", flat(0.5)), cells("lrp", flat(0.4), metric=LOST), strict=True)
    ]
    found = compare_runs(run("A", judged), run("B", anew(cells("lrp", flat(0.6)))))
    assert found.only_before == ("films × tiny × frozen: metric lost",)
    assert [each.metric for each in found.places[0].changes] == ["kept"]


def test_seeds_and_texts_that_one_run_has_not_are_left_out():
    before = cells("lrp", flat(0.5), seeds=range(6), texts=TEXTS[:10])
    after = anew(cells("lrp", flat(0.6), seeds=range(1, 7), texts=TEXTS[2:]))
    found = compare_runs(run("A", before), run("B", after))
    assert found.places[0].seeds == (1, 2, 3, 4, 5)
    assert (change_of(found, "lrp").difference.seeds, found.places[0].texts) == (5, 8)
    assert found.places[0].notes == ("seed 0: only in the first run", "seed 6: only in the second run")


def test_a_method_that_failed_in_one_run_is_not_compared():
    before = run("A", cells("lrp", flat(0.5)), cells("dig", flat(0.5)))
    after = run("B", ended("lrp", "failed", "killed"), anew(cells("dig", flat(0.5))))
    found = compare_runs(before, after)
    assert [each.method for each in found.places[0].changes] == ["dig"]
    assert "lrp: ok in the first run, failed (killed) in the second: not compared" in as_text(found)


def test_an_operator_that_a_method_used_in_either_run_is_no_ground_to_compare_on():
    values = {"mask": 0.0, "delete": 0.0, "attention": 0.0, "mean": 0.5}
    operators = tuple(values)
    rng = np.random.default_rng(0)
    noisy = lambda s, t, operator: values[operator] + rng.normal(0, 0.01)  # noqa: E731
    before = cells("occlusion", lambda *_: rng.normal(0.4, 0.01), operator="mask", operators=operators)
    after = anew(cells("occlusion", noisy, operator="delete", operators=operators))
    change = change_of(compare_runs(run("A", before), run("B", after)), "occlusion")
    assert change.difference.mean == pytest.approx(0.1, abs=0.01)


def test_one_seed_speaks_for_its_checkpoint_and_says_so():
    found = compare_runs(*both((0.5, 0.7), seeds=[0]))
    assert change_of(found).next_seed is None
    assert change_of(found).difference.method == TEXTS_ONLY
    text = " ".join(as_text(found).split())
    assert "fewer than 5 seeds in both runs, differences speak for these checkpoints only" in text
    assert "%" not in text.split("Cost of one")[0].split("B − A", 1)[1]


def test_one_text_has_no_verdict_and_says_so():
    found = compare_runs(*both((0.5, 0.7), texts=TEXTS[:1]))
    assert change_of(found).verdict == "–"
    assert math.isnan(change_of(found).difference.low)
    assert "One text only: no interval and no verdict." in as_text(found)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], cells("lrp", flat(0.5)), "A holds no results of this suite: run it first"),
        (accuracy(0.9), cells("lrp", flat(0.5)), "A holds no results"),
        (cells("lrp", flat(0.5)), [], "B holds no results"),
        (cells("lrp", flat(0.5)), cells("lrp", flat(0.5), chain="full"), "only in A: films × tiny × frozen"),
        (cells("lrp", flat(0.5)), cells("dig", flat(0.5)), "only in B: films × tiny × frozen: dig"),
        (
            cells("lrp", flat(0.5)),
            cells("lrp", flat(0.5), metric=LOST),
            "only in B: films × tiny × frozen: metric lost",
        ),
        (cells("lrp", flat(0.5), seeds=[0]), cells("lrp", flat(0.5), seeds=[1]), "seed 0: only in the first run"),
        (
            cells("lrp", flat(0.5), texts=["t0"]),
            cells("lrp", flat(0.5), texts=["t1"]),
            "no text was explained by every",
        ),
        (ended("lrp", "failed", "killed"), cells("lrp", flat(0.5)), "failed (killed) in the first run"),
    ],
)
def test_runs_without_a_number_in_common_are_refused_with_the_reason(before, after, told):
    with pytest.raises(Nothing) as refused:
        compare_runs(run("A", before), run("B", after))
    assert told in str(refused.value)


def test_how_the_runs_were_computed_is_told_where_it_differs():
    machines = [{"cores": 2, "versions": {"torch": version, "numpy": "2.3"}} for version in ("2.12", "2.13")]
    before = [replace(each, machine=machines[0]) for each in cells("lrp", flat(0.5))]
    after = [replace(each, machine=machines[1]) for each in anew(cells("lrp", flat(0.6)))]
    found = compare_runs(run("A", before), run("B", after))
    assert found.differs[0].startswith("5 of the 5 cells of the second run differ by content")
    assert found.differs[1:] == ("torch: 2.12 → 2.13",)


def test_costs_stand_side_by_side():
    before, after = both((0.5, 0.7))
    cheaper = [replace(each, own=replace(each.own, forwards=12)) for each in after.records]
    found = compare_runs(before, Run("B", cheaper, METRICS))
    assert "3 → 1" in as_text(found)


def test_a_metric_of_spans_is_compared_too():
    before, after = both((0.5, 0.7), metric=AGREEMENT, operators=[""])
    assert change_of(compare_runs(before, after), metric="agreement").verdict == "better"


def test_names_stay_inert_and_json_has_no_nan():
    before, after = cells(EVIL, flat(0.5), texts=TEXTS[:1]), anew(cells(EVIL, flat(0.6), texts=TEXTS[:1]))
    found = compare_runs(run(EVIL, before), run("B", after))
    assert "\x1b" not in as_text(found)
    assert "<script>" not in as_text(found, "markdown").replace("\\<", "")
    assert max(map(len, as_text(found).split("\n"))) <= 100
    plain = json.loads(json.dumps(as_json(found)), parse_constant=pytest.fail)
    assert plain["places"][0]["changes"][0]["difference"]["low"] is None
    assert plain["places"][0]["place"]["setting"] == {"target": "predicted"}
