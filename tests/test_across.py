"""Variants are taken together by ranks, or by scores whose bounds are known; never by raw means."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from attrimark.studies.leaderboard.across_tables import as_json, section_of
from attrimark.studies.leaderboard.leaderboard import leaderboards
from attrimark.studies.leaderboard.normalised import normalised
from attrimark.studies.leaderboard.standings import standings
from attrimark_registry import AttrimarkError

from tests.references.drawn_records import (
    AGREEMENT,
    DESCRIBED,
    KEPT,
    LOST,
    METRICS,
    TEXTS,
    cells,
    ended,
    flat,
    joined,
)
from tests.references.written import rendered


def as_text(found, form="table"):
    return rendered([section_of(found)], form)


CHAINS = ("full", "frozen", "lora", "full → nf4", "frozen → nf4", "lora → nf4")
EVIL = "<script>|`x`\x1b[31m\n"


def boards(scores, metric=KEPT, dataset="films"):
    """One board a chain; `scores[method]` lists its mean on each."""
    records = [
        record
        for method, means in scores.items()
        for chain, mean in zip(CHAINS, means, strict=False)
        for record in cells(method, flat(mean), metric=metric, chain=chain, dataset=dataset)
    ]
    return leaderboards(records, METRICS)


# Mean ranks


def test_a_mean_rank_is_the_mean_of_the_ranks_whatever_the_scores():
    (found,) = standings(boards({"lrp": [0.9, 0.2, 0.9], "dig": [0.5, 0.3, 0.5], "chance": [0.1, 0.1, 0.1]}))
    ranks = found.ranks["kept"]
    assert {method: rank.mean for method, rank in ranks.items()} == {
        "lrp": pytest.approx(4 / 3),
        "dig": pytest.approx(5 / 3),
        "chance": 3.0,
    }
    assert list(ranks) == ["lrp", "dig", "chance"]
    assert {method: rank.better for method, rank in ranks.items()} == {"lrp": 3, "dig": 3, "chance": 0}
    assert found.boards == ("tiny × full", "tiny × frozen", "tiny × lora")


def test_where_lower_is_better_the_least_is_first():
    (found,) = standings(boards({"lrp": [0.2, 0.2], "chance": [0.5, 0.5]}, metric=LOST))
    assert found.ranks["lost"]["lrp"].mean == 1.0


def test_methods_that_score_the_same_share_their_rank():
    # but for the rounding of float32
    (found,) = standings(boards({"lrp": [0.5, 0.5], "dig": [0.500001, 0.5], "chance": [0.1, 0.1]}))
    assert found.ranks["kept"]["lrp"].mean == found.ranks["kept"]["dig"].mean == 1.5


def test_an_interval_needs_five_variants_and_holds_the_mean():
    scores = {"lrp": [0.9, 0.2, 0.9, 0.9, 0.2, 0.9], "dig": [0.5] * 6, "chance": [0.1] * 6}
    (few,) = standings(boards({method: means[:4] for method, means in scores.items()}))
    assert math.isnan(few.ranks["kept"]["lrp"].low)
    assert "No intervals: fewer than 5 variants" in as_text(few)
    (many,) = standings(boards(scores))
    rank = many.ranks["kept"]["lrp"]
    assert 1 <= rank.low < rank.mean < rank.high <= 2
    assert f"{rank.mean:.2f} [{rank.low:.2f}, {rank.high:.2f}]" in as_text(many)


def test_a_method_that_failed_on_one_variant_has_no_rank_and_moves_no_other():
    whole = boards({"lrp": [0.9, 0.9], "chance": [0.1, 0.1]})
    records = [
        record
        for chain, mean in zip(CHAINS[:2], (0.95, None), strict=True)
        for record in (
            cells("dig", flat(mean), chain=chain)
            if mean
            else [replace(each, specs={**each.specs, "chain": chain}) for each in ended("dig", "failed", "killed")]
        )
    ]
    records += [record for chain in CHAINS[:2] for name, mean in (("lrp", 0.9), ("chance", 0.1))
                for record in cells(name, flat(mean), chain=chain)]  # fmt: skip
    (found,) = standings(leaderboards(records, METRICS))
    (expected,) = standings(whole)
    ranks = [{method: rank.mean for method, rank in each.ranks["kept"].items()} for each in (found, expected)]
    assert ranks[0] == ranks[1] == {"lrp": 1.0, "chance": 2.0}
    assert "kept: dig has no score on every variant, and no rank." in as_text(found)


def test_a_dataset_counts_once_however_many_variants_it_has():
    both = [
        *boards({"lrp": [0.9] * 6, "dig": [0.5] * 6, "chance": [0.1] * 6}),
        *boards({"lrp": [0.2], "dig": [0.5], "chance": [0.1]}, dataset="tweets"),
    ]
    films, tweets, together = standings(both)
    assert (films.title, tweets.title, together.over) == ("films", "tweets", "datasets")
    assert together.ranks["kept"]["lrp"].mean == pytest.approx(1.5)
    assert together.ranks["kept"]["dig"].mean == pytest.approx(1.5)
    assert together.boards == ("films", "tweets")


def test_what_describes_ranks_no_method_and_says_so():
    records = [
        joined(one, other)
        for chain in CHAINS[:2]
        for name, mean in (("lrp", 0.9), ("chance", 0.1))
        for one, other in zip(
            cells(name, flat(mean), chain=chain), cells(name, flat(mean), metric=DESCRIBED, chain=chain), strict=True
        )
    ]
    (found,) = standings(leaderboards(records, METRICS))
    assert list(found.ranks) == ["kept"]
    assert found.notes == ("described describes: neither more nor less is better, so it ranks no method.",)


def test_methods_and_metrics_that_a_dataset_has_not_are_named_where_datasets_are_averaged():
    both = [
        *boards({"lrp": [0.9], "dig": [0.5], "chance": [0.1]}),
        *boards({"lrp": [0.2], "chance": [0.1]}, dataset="tweets"),
        *boards({"lrp": [0.2], "dig": [0.3], "chance": [0.1]}, dataset="news"),
    ]
    *_, together = standings(both)
    assert list(together.ranks["kept"]) == ["lrp", "chance"]
    assert together.notes == ("kept: dig has no rank on every dataset, and no mean of ranks.",)
    *_, together = standings([*both, *boards({"lrp": [0.2], "chance": [0.1]}, metric=LOST, dataset="mails")])
    assert together.ranks == {}
    assert together.notes == (
        "kept: ranks no method of mails; not averaged over datasets.",
        "lost: ranks no method of films, tweets, news; not averaged over datasets.",
    )


def test_ranks_are_taken_on_operators_that_no_method_used():
    home = {"mask": 9.0, "delete": 0.2, "attention": 0.2}
    records = [
        record
        for chain in CHAINS[:2]
        for record in (
            *cells("chance", lambda *_: 0.1, chain=chain),
            *cells("occlusion", lambda seed, text, operator: home[operator], operator="mask", chain=chain),
            *cells("gradient", lambda *_: 0.3, chain=chain),
        )
    ]
    (found,) = standings(leaderboards(records, METRICS))
    assert found.ranks["kept"]["gradient"].mean == 1.0


def test_a_variant_without_any_result_is_left_out_and_named():
    records = [each for name, mean in (("lrp", 0.9), ("chance", 0.1)) for each in cells(name, flat(mean))]
    broken = [replace(each, specs={**each.specs, "chain": "full"}) for each in ended("lrp", "failed", "killed")]
    (found,) = standings(leaderboards([*records, *broken], METRICS))
    assert found.boards == ("tiny × frozen",)
    assert found.notes == ("tiny × full: no method has a score; left out.",)
    assert found.ranks["kept"]["lrp"].mean == 1.0
    (found,) = normalised([*bounded("lrp", 0.5, chain="frozen"), *broken], METRICS, lambda record: LABELS)
    assert (found.variants, found.left_out) == (("tiny × frozen",), ("tiny × full",))


# Normalised scores

LABELS = dict.fromkeys(TEXTS, "positive")


def bounded(method, reached, *, chain, best=1.0, worst=0.0, **others):
    """Records of a metric that tells its bounds."""
    rng = np.random.default_rng(len(method))
    return cells(
        method,
        lambda *_: 0.5,
        told=lambda seed, text, operator: {"reached": reached + rng.normal(0, 0.01), "worst": worst, "best": best},
        chain=chain,
        **others,
    )


def test_a_normalised_score_is_where_it_stands_between_the_networks_own_bounds():
    records = [
        record
        for chain, best in (("full", 1.0), ("frozen", 0.1))
        for method, share in (("chance", 0.3), ("lrp", 0.8))
        for record in bounded(method, share * best, chain=chain, best=best)
    ]
    (found,) = normalised(records, METRICS, lambda record: LABELS)
    assert found.variants == ("tiny × full", "tiny × frozen")
    assert found.scores["kept"]["lrp"]["tiny × full"].mean == pytest.approx(0.8, abs=0.01)
    assert found.scores["kept"]["lrp"]["tiny × frozen"].mean == pytest.approx(0.8, abs=0.1)
    assert (found.alike, found.texts) == (12, 12)


def test_only_texts_that_all_variants_and_seeds_decide_alike_count():
    rising = lambda seed, text, operator: {"reached": text / 12, "worst": 0.0, "best": 1.0}  # noqa: E731
    records = [record for chain in CHAINS[:2] for record in cells("lrp", lambda *_: 0.5, told=rising, chain=chain)]

    def explained(record):
        other = record.specs["chain"] == "frozen" and record.specs["seed"] == 3
        return LABELS | ({"t11": "negative", "t10": "negative"} if other else {})

    (found,) = normalised(records, METRICS, explained)
    assert (found.alike, found.texts) == (10, 12)
    assert found.scores["kept"]["lrp"]["tiny × full"].mean == pytest.approx(np.arange(10).mean() / 12)
    assert "10 of 12 texts (83 %)" in as_text(found)


def test_raw_scores_of_several_variants_are_refused_with_the_remedy():
    records = [record for chain in CHAINS[:2] for record in cells("lrp", flat(0.5), chain=chain)]
    with pytest.raises(AttrimarkError, match=r"kept is bounded by each network .* measure normalised-aopc"):
        normalised(records, METRICS, lambda record: LABELS)


def test_one_refused_metric_does_not_hide_another():
    records = [
        record
        for chain in CHAINS[:2]
        for record in (
            *cells("lrp", flat(0.5), chain=chain),
            *cells("dig", flat(0.7), metric=AGREEMENT, operators=[""], chain=chain),
        )
    ]
    (found,) = normalised(records, METRICS, lambda record: LABELS)
    assert (list(found.scores), list(found.refused)) == (["agreement"], ["kept"])
    assert list(found.scores["agreement"]) == ["dig"]
    records = [
        record
        for chain in CHAINS[:2]
        for record in (
            *bounded("lrp", 0.5, chain=chain),
            *bounded("chance", 0.2, chain=chain),
        )
    ]
    lost = {each.cell: each for chain in CHAINS[:2] for name in ("lrp", "chance")
            for each in cells(name, flat(0.5), metric=LOST, chain=chain)}  # fmt: skip
    both = [replace(each, measures=each.measures + lost[each.cell].measures) for each in records]
    (found,) = normalised(both, METRICS, lambda record: LABELS)
    assert list(found.scores) == ["kept"]
    assert list(found.refused) == ["lost"]
    assert "Not shown: lost is bounded by each network" in " ".join(as_text(found).split())


def test_without_a_text_that_all_decide_alike_there_is_nothing_to_show():
    records = [record for chain in CHAINS[:2] for record in bounded("lrp", 0.5, chain=chain)]
    with pytest.raises(AttrimarkError, match="no text that all variants decide alike"):
        normalised(records, METRICS, lambda record: dict.fromkeys(TEXTS, record.specs["chain"]))


def test_where_no_order_differs_there_is_no_score():
    records = [record for chain in CHAINS[:2] for record in bounded("lrp", 0.0, chain=chain, best=0.0)]
    (found,) = normalised(records, METRICS, lambda record: LABELS)
    assert set(found.scores["kept"]["lrp"].values()) == {None}


@pytest.mark.parametrize("records", [[], ended(None, "ok", None)])
def test_nothing_that_ran_is_nothing_to_show(records):
    with pytest.raises(AttrimarkError, match="run the suite first"):
        normalised(records, METRICS, lambda record: LABELS)


def test_names_stay_inert_and_json_has_no_nan():
    records = [
        record for chain in (EVIL, "full") for name in (EVIL, "chance") for record in bounded(name, 0.5, chain=chain)
    ]
    found = [*standings(leaderboards(records, METRICS)), *normalised(records, METRICS, lambda record: LABELS)]
    for each in found:
        assert "\x1b" not in as_text(each)
        assert "<script>" not in as_text(each, "markdown").replace("\\<", "")
        json.loads(json.dumps(as_json(each)), parse_constant=pytest.fail)
