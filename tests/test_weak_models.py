"""A model that is often wrong carries its banner into every table about it, and no other model does."""

from dataclasses import replace

import pytest
from attrimark.results.model_metrics import accuracy_of, alone, banner, banners
from attrimark.studies.comparisons.comparison import Findings
from attrimark.studies.comparisons.sections import section_of as strategies_sheet
from attrimark.studies.leaderboard.across_tables import as_json as across_as_json
from attrimark.studies.leaderboard.across_tables import section_of as across_sheet
from attrimark.studies.leaderboard.leaderboard import leaderboards
from attrimark.studies.leaderboard.normalised import normalised
from attrimark.studies.leaderboard.standings import standings
from attrimark.studies.two_runs.two_runs import Run, compare_runs
from attrimark.studies.two_runs.two_runs_tables import as_json, sections_of
from attrimark_plugins.metrics.accuracy import Accuracy
from attrimark_plugins.metrics.parse_rate import ParseRate

from tests.references.drawn_records import ACCURACY, METRICS, TEXTS, accuracy, cells, flat
from tests.references.written import rendered

BOUNDS = {"reached": 0.5, "worst": 0.0, "best": 1.0}
LABELS = dict.fromkeys(TEXTS, "positive")


def of(chain, right, dataset="films"):
    """The records of a chain whose model is right so often."""
    methods = [each for name, mean in (("lrp", 0.7), ("chance", 0.3)) for each in cells(
        name, flat(mean), told=lambda *_: BOUNDS, chain=chain, dataset=dataset)]  # fmt: skip
    models = [
        replace(each, cell=f"{each.cell}-{chain}-{dataset}", specs={**each.specs, "chain": chain, "dataset": dataset})
        for each in accuracy(right)
    ]
    return [*methods, *models]


def unfolded(text):
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("accuracy", "told"),
    [(None, None), (0.85, None), (0.9, None), (0.84999, "0.849, under 0.85"), (0.61234, "0.612, under 0.85")],
)
def test_the_banner_is_of_models_under_the_bound_and_never_contradicts_itself(accuracy, told):
    found = banner(accuracy)
    assert (found is None) is (told is None)
    assert told is None or f"WEAK MODEL: its accuracy is {told}," in (found or "")


def test_accuracy_is_known_whatever_texts_it_was_measured_on():
    assert accuracy_of({Accuracy(answer="generated"): 0.2, Accuracy().called("right"): 0.9}) == 0.9
    assert accuracy_of({ParseRate(): 0.1, Accuracy(split="test"): 0.7}) == 0.7
    assert accuracy_of({ParseRate(): 0.1}) is None
    assert alone([*accuracy(0.5), *accuracy(1.0)], METRICS) == {ACCURACY: 0.75}


def test_ranks_name_the_variants_that_are_weak():
    records = [*of("full", 0.6), *of("frozen", 0.9), *of("lora", 0.7, dataset="tweets")]
    films, tweets, both = standings(leaderboards(records, METRICS))
    assert films.weak == {"tiny × full": pytest.approx(0.6)}
    assert set(both.weak) == {"films × tiny × full", "tweets × tiny × lora"}
    assert "tiny × full: WEAK MODEL: its accuracy is 0.6," in unfolded(rendered([across_sheet(films)]))
    assert "tiny × frozen: WEAK" not in unfolded(rendered([across_sheet(films)]))
    assert "WEAK MODEL" in rendered([across_sheet(tweets)], "markdown")
    assert across_as_json(films)["weak"] == {"tiny × full": pytest.approx(0.6)}


@pytest.mark.parametrize("metric", [None, "kept"])
def test_normalised_scores_name_the_variants_that_are_weak(metric):
    records = [*of("full", 0.6), *of("frozen", 0.9)]
    (found,) = normalised(records, METRICS, lambda record: LABELS, metric=metric)
    assert found.weak == {"tiny × full": pytest.approx(0.6)}
    assert "tiny × full: WEAK MODEL" in unfolded(rendered([across_sheet(found)]))


def test_each_of_two_runs_has_its_own():
    before, after = Run("before", of("full", 0.9), METRICS), Run("after", of("full", 0.6), METRICS)
    found = compare_runs(before, after)
    assert found.places[0].accuracies == (pytest.approx(0.9), pytest.approx(0.6))
    assert "B: WEAK MODEL: its accuracy is 0.6," in unfolded(rendered(sections_of(found)))
    assert "A: WEAK MODEL" not in unfolded(rendered(sections_of(found)))
    assert as_json(found)["places"][0]["accuracies"] == [pytest.approx(0.9), pytest.approx(0.6)]


def test_a_run_without_methods_is_still_nothing_to_compare():
    with pytest.raises(Exception, match="holds no results of this suite") as refused:
        compare_runs(Run("models", accuracy(0.9), METRICS), Run("after", of("full", 0.6), METRICS))
    assert refused.value.exit_code == 5  # pyright: ignore[reportAttributeAccessIssue]


def test_strategies_are_named_that_make_weak_models():
    found = Findings("strategy", None, "films × tiny", {}, (), (), (), (), weak={"lora": 0.5})
    assert "lora: WEAK MODEL: its accuracy is 0.5," in unfolded(rendered([strategies_sheet(found)]))
    assert list(banners({"full": 0.9, "frozen": None})) == []
