"""Tables say "better" where it is true, and say what they leave out."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from attrimark.document.render import notebook, terminal
from attrimark.results.nothing import Nothing
from attrimark.statistics.intervals import NO_INTERVAL, TEXTS_ONLY
from attrimark.studies.leaderboard.board_grids import banner as banner_of
from attrimark.studies.leaderboard.board_grids import heading
from attrimark.studies.leaderboard.leaderboard import leaderboards
from attrimark.studies.leaderboard.sections import section_of
from attrimark.studies.leaderboard.tables import as_json
from attrimark_registry import AttrimarkError

from tests.references.drawn_records import (
    ACCURACY,
    AGREEMENT,
    DESCRIBED,
    KEPT,
    LOST,
    MARKED,
    METRICS,
    OPERATORS,
    SEEDS,
    TEXTS,
    Kept,
    accuracy,
    board_of,
    cells,
    ended,
    flat,
    joined,
    row_of,
    score_of,
)
from tests.references.written import boards_rendered as rendered


def as_text(board, details=False):
    return terminal.as_text([section_of(board, details)])


def as_markdown(board):
    return rendered([board], "markdown")


def as_html(board):
    return notebook.as_html([section_of(board)])


# Scores and verdicts


def test_means_and_differences_are_those_of_the_records():
    board = board_of(
        cells("chance", lambda seed, text, operator: float(seed + text)),
        cells("lrp", lambda seed, text, operator: float(seed + text + 1 + text % 2)),
    )
    score = score_of(board, "lrp")
    assert score.adjusted.mean == pytest.approx(2 + 5.5 + 1.5)
    assert score.difference.mean == pytest.approx(1.5)
    assert (score.adjusted.seeds, score.adjusted.texts) == (5, 12)
    assert score.verdict == "better"
    assert score_of(board, "chance").difference is None
    assert score_of(board, "chance").verdict == "–"


def test_the_verdict_knows_the_better_direction():
    for metric, expected in ((KEPT, ("better", "worse")), (LOST, ("worse", "better"))):
        board = board_of(
            cells("chance", flat(0.5), metric=metric),
            cells("above", flat(0.7), metric=metric),
            cells("below", flat(0.3), metric=metric),
        )
        assert tuple(score_of(board, method, metric).verdict for method in ("above", "below")) == expected
        best_first = ["above", "chance", "below"] if metric is KEPT else ["below", "chance", "above"]
        assert [row.method for row in board.rows] == best_first


def test_by_a_metric_that_describes_nobody_is_better():
    board = board_of(
        cells("chance", flat(0.5), metric=DESCRIBED),
        cells("above", flat(0.7), metric=DESCRIBED),
        cells("below", flat(0.3), metric=DESCRIBED),
    )
    scores = {method: score_of(board, method, DESCRIBED) for method in ("chance", "above", "below")}
    assert [score.verdict for score in scores.values()] == ["–", "higher", "lower"]
    assert scores["above"].effect > 0 > scores["below"].effect
    assert {score.may_be_best for score in scores.values()} == {score.scaled for score in scores.values()} == {None}
    (column,) = board.columns
    assert (board.first, column.scale, column.not_measurable, column.random_over_best) == (None, None, (), {})
    told = as_text(board)
    assert re.search(r"above +0\.7\d* ±\S+> ", told)
    assert re.search(r"below +0\.3\d* ±\S+< ", told)
    assert not any(each in told for each in ("↑", "↓", "From chance (0)"))
    assert "neither is better" in told
    assert heading(column) == "described"
    for written in (as_markdown(board), as_html(board), as_json(board)):
        assert written


def test_what_cannot_be_told_from_random_is_a_tie():
    rng = np.random.default_rng(1)
    board = board_of(
        cells("chance", lambda *_: rng.normal()),
        cells("same", lambda *_: rng.normal()),
    )
    assert score_of(board, "same").verdict == "tie"
    equal = board_of(cells("chance", flat(0.5)), cells("copy", flat(0.5)))
    assert score_of(equal, "copy").difference.mean == 0
    assert score_of(equal, "copy").verdict == "tie"


def test_marks_of_a_metric_that_asks_no_network_come_of_the_words_in_other_orders():
    rng = np.random.default_rng(0)
    orders = rng.uniform(0.2, 0.4, size=(len(TEXTS), 199))

    def agreeing(method, mean):
        made = cells(method, flat(mean), metric=AGREEMENT, operators=("",))
        return [
            replace(record, measures=tuple(
                replace(each, permuted=tuple(orders[TEXTS.index(each.example)].tolist())) for each in record.measures
            ))
            for record in made
        ]  # fmt: skip

    board = board_of(
        cells("chance", flat(0.3), metric=AGREEMENT, operators=("",)), agreeing("knows", 0.6), agreeing("guesses", 0.3)
    )
    found = {name: score_of(board, name, AGREEMENT) for name in ("knows", "guesses")}
    assert [each.verdict for each in found.values()] == ["better", "tie"]
    assert found["knows"].p == pytest.approx(2 / 200)
    assert "same scores on other words" in as_text(board).replace("\n  ", " ")
    (column,) = board.columns
    assert column.permuted
    # results of an earlier version lack them: then random is what it is compared with
    earlier = board_of(
        *(
            cells(name, flat(mean), metric=AGREEMENT, operators=("",))
            for name, mean in (("chance", 0.3), ("knows", 0.6))
        )
    )
    assert (score_of(earlier, "knows", AGREEMENT).verdict, earlier.columns[0].permuted) == ("better", False)


def test_what_knows_the_truth_comes_first_and_others_say_how_far_they_agree():
    means = {"a": (0.3, 0.7), "b": (0.5, 0.5), "c": (0.7, 0.3), "chance": (0.1, 0.1)}
    both = [
        joined(one, other)
        for name, (truth, removed) in means.items()
        for one, other in zip(
            cells(name, flat(removed)), cells(name, flat(truth), metric=MARKED, operators=("",)), strict=True
        )
    ]
    (board,) = leaderboards(both, {KEPT.digest: KEPT, MARKED.digest: MARKED})
    assert [column.name for column in board.columns] == ["marked", "kept"]
    assert [row.method for row in board.rows] == ["c", "b", "a", "chance"]
    marked, kept = board.columns
    assert (marked.with_truth, kept.with_truth) == (None, pytest.approx(-1.0))
    assert kept.reliability > 0.9
    told = as_text(board).replace("\n  ", " ")
    assert re.search(r"Split-half reliability of the order of methods .*: marked \d.\d+, kept \d", told)
    assert "Rank correlation of the methods with marked, which knows the truth: kept -1.000" in told


def test_comparisons_of_a_table_share_its_level():
    many = board_of(cells("chance", flat(0.5)), *(cells(f"m{number}", flat(0.6)) for number in range(10)))
    assert score_of(many, "m0").difference.level == pytest.approx(0.95)
    assert many.columns[0].comparisons == 10
    two = [
        joined(one, other)
        for method, mean in (("chance", 0.5), ("lrp", 0.6))
        for one, other in zip(cells(method, flat(mean)), cells(method, flat(mean), metric=LOST), strict=True)
    ]
    # each metric is primary, and the two share the level
    assert score_of(board_of(two), "lrp").difference.level == pytest.approx(0.975)
    assert score_of(board_of(two), "lrp").adjusted.level == 0.95
    assert [(column.primary, column.comparisons) for column in board_of(two).columns] == [(True, 1), (True, 1)]


def test_an_interval_that_holds_with_others_is_wider_than_alone():
    shared, methods = (
        cells("chance", flat(0.5)),
        [cells(f"m{number}", flat(0.6 + number / 1000)) for number in range(10)],
    )
    alone, many = board_of(shared, methods[0]), board_of(shared, *methods)
    assert score_of(many, "m0").difference.half > score_of(alone, "m0").difference.half
    assert score_of(many, "m0").difference.mean == pytest.approx(score_of(alone, "m0").difference.mean)
    assert score_of(many, "m0").p >= score_of(alone, "m0").p


# Two verdicts, the best, and the size of a difference


def test_the_next_seed_stands_beside_the_average_and_is_another_matter():
    """Better on average by seeds that disagree: the next one may well turn it round."""
    shift = dict(zip(SEEDS, (0.5, 0.5, 0.5, 0.5, -0.4), strict=True))
    rng = np.random.default_rng(0)
    board = board_of(
        cells("chance", flat(0.5)),
        cells("steady", flat(0.7)),
        cells("moody", lambda seed, text, operator: 0.5 + shift[seed] + rng.normal(0, 0.01)),
    )
    assert score_of(board, "steady").next_seed > 0.95
    assert 0.5 <= score_of(board, "moody").next_seed < 0.9
    assert score_of(board, "chance").next_seed is None
    (line,) = (each for each in as_text(board).split("\n\n")[1].split("\n") if each.startswith("moody"))
    assert re.search(r"\d\d %$", line)
    assert "next seed: the probability" in as_text(board)


def test_with_few_seeds_the_caption_says_so_and_there_is_no_such_column():
    board = board_of(cells("chance", flat(0.5), seeds=[0, 1]), cells("lrp", flat(0.7), seeds=[0, 1]))
    assert score_of(board, "lrp").next_seed is None
    text = as_text(board)
    assert "With fewer than 5 seeds nothing is claimed about the next seed." in text
    assert "%" not in text.split("\n\n")[1]


def test_those_that_cannot_be_told_from_the_best_are_marked():
    board = board_of(
        cells("chance", flat(0.3)), cells("one", flat(0.7)), cells("other", flat(0.701)), cells("poor", flat(0.5))
    )
    marked = {row.method: row.scores[KEPT.digest].may_be_best for row in board.rows}
    assert marked == {"one": True, "other": True, "poor": False, "chance": None}
    lines = {line.split()[0]: line for line in as_text(board).split("\n\n")[1].split("\n")}
    assert {method: "•" in lines[method] for method in marked} == {name: bool(each) for name, each in marked.items()}
    assert "• may be the best" in as_text(board)


def test_methods_that_share_no_foreign_family_are_compared_by_their_means_alone():
    """Each of two families is some method's own: the two are ordered, and neither is shown to be better."""
    board = board_of(
        cells("chance", flat(0.5)),
        *(cells(f"o-{name}", flat(0.7), operator=name) for name in OPERATORS),
    )
    marked = {row.method: row.scores[KEPT.digest].may_be_best for row in board.rows}
    assert marked == {"o-mask": None, "o-delete": True, "o-attention": True, "chance": None}
    assert score_of(board, "o-mask").verdict == "better"
    assert all(row.scores[KEPT.digest].adjusted for row in board.rows)


def test_the_effect_is_the_mean_over_the_spread_of_texts_and_positive_where_better():
    values = {"lrp": lambda seed, text, operator: 0.5 + (0.1 if text % 2 else 0.3), "chance": lambda *_: 0.5}
    for metric, sign in ((KEPT, 1), (LOST, -1)):
        board = board_of(*(cells(method, value, metric=metric) for method, value in values.items()))
        by_text = np.array([0.3, 0.1] * 6)
        assert score_of(board, "lrp", metric).effect == pytest.approx(sign * by_text.mean() / by_text.std(ddof=1))
    assert score_of(board_of(cells("chance", lambda *_: 0.5), cells("lrp", lambda *_: 0.7)), "lrp").effect is None


@pytest.mark.parametrize(
    ("best", "banner"),
    [({"mask": 0.9, "delete": 0.7, "attention": 0.5}, ["not measurable"]),
     ({"mask": 0.9, "delete": 0.9, "attention": 0.7}, ["not measurable: attention"]),
     ({"mask": 0.9, "delete": 0.9, "attention": 0.9}, [])],
)  # fmt: skip
def test_a_column_whose_random_ranking_gets_more_than_half_says_so_above_it(best, banner):
    random = 0.46 if banner == ["not measurable"] else 0.4
    # texts move so much that nothing is told apart
    board = board_of(
        cells("chance", lambda *_: random),
        cells("lrp", lambda seed, text, operator: best[operator] + (-1) ** text * 0.9),
    )
    assert list(banner_of(board.columns[0])) == banner
    header = " ".join(as_text(board).split("---")[0].split())
    assert ("not measurable" in header) is bool(banner)
    assert ("of such a number is no merit" in " ".join(as_text(board).split())) is bool(banner)


def test_what_is_told_apart_from_random_is_measurable_however_far_zero_is():
    board = board_of(cells("chance", flat(0.9)), cells("lrp", flat(1.1)))
    assert list(banner_of(board.columns[0])) == []


def test_replicates_are_averaged_before_anything_else():
    board = board_of(
        cells("chance", flat(0.5)),
        cells("shapley", lambda *_: 1.0, replicate=0),
        cells("shapley", lambda *_: 3.0, replicate=1),
    )
    assert score_of(board, "shapley").adjusted.mean == 2.0
    assert score_of(board, "shapley").adjusted.texts == 12
    assert row_of(board, "shapley").replicates == 2


def test_one_seed_speaks_for_its_checkpoint_only():
    board = board_of(cells("chance", flat(0.5), seeds=[0]), cells("lrp", flat(0.7), seeds=[0]))
    assert score_of(board, "lrp").adjusted.method == TEXTS_ONLY
    assert score_of(board, "lrp").verdict == "better"
    assert "these checkpoints only" in as_text(board)


def test_one_text_has_no_verdict():
    board = board_of(cells("chance", flat(0.5), texts=["t0"]), cells("lrp", flat(0.7), texts=["t0"]))
    assert score_of(board, "lrp").verdict == "–"
    assert NO_INTERVAL in as_text(board)
    assert "±" not in as_text(board).split("method")[1].split("\n\n")[0]


def test_without_random_there_is_no_verdict():
    board = board_of(cells("lrp", flat(0.7)))
    assert score_of(board, "lrp").verdict == "–"
    assert score_of(board, "lrp").difference is None
    assert "among the methods to compare with" in as_text(board)


# Home and away

HOME = {"mask": 0.9, "delete": 0.5, "attention": 0.3}


def test_the_score_is_away_from_the_own_operator():
    board = board_of(
        cells("chance", lambda seed, text, operator: 0.1 * len(operator), operator="mask"),
        cells("occlusion", lambda seed, text, operator: HOME[operator], operator="mask"),
        cells("gradient", lambda seed, text, operator: HOME[operator]),
    )
    score = score_of(board, "occlusion")
    # `delete` and `attention` are one family; to random and to gradient, `mask` is easier by 0.075 on average
    assert score.away == pytest.approx(0.4)
    assert score.adjusted.mean == pytest.approx(0.4 + 0.075 / 2)
    assert score.home == pytest.approx(0.9)
    assert board.columns[0].home_advantage.mean == pytest.approx(0.9 - (0.4375 + 0.075 / 2))
    assert score.by_operator == pytest.approx(HOME)
    # random is taken under the same operators: delete (0.6) and attention (0.9), not mask (0.4)
    assert score.difference.mean == pytest.approx(0.4 - 0.75)
    assert score_of(board, "gradient").home is None
    assert score_of(board, "gradient").adjusted.mean == pytest.approx((0.9 + 0.4) / 2)
    assert score_of(board, "gradient").difference.mean == pytest.approx((0.5 - 0.35) / 2)
    # under one family better than chance, and under the other one worse
    assert score_of(board, "gradient").verdict == "tie"


def test_a_home_score_alone_is_no_score():
    board = board_of(
        cells("chance", flat(0.5), operators=["mask"]),
        cells("occlusion", flat(0.9), operators=["mask"], operator="mask"),
    )
    score = score_of(board, "occlusion")
    assert score.adjusted is None
    assert score.home == pytest.approx(0.9, abs=0.1)
    assert score.verdict == "–"
    assert "own family of removal operators only" in as_text(board)


def test_span_metrics_have_neither_home_nor_operators():
    board = board_of(
        cells("chance", flat(0.5), metric=AGREEMENT, operators=[""]),
        cells("occlusion", flat(0.9), metric=AGREEMENT, operators=[""], operator="mask"),
    )
    score = score_of(board, "occlusion", AGREEMENT)
    assert score.home is None
    assert score.verdict == "better"
    assert "removal operators" not in as_text(board)


def test_a_method_with_two_operators_has_two_rows():
    board = board_of(
        cells("chance", flat(0.5)),
        cells("occlusion", flat(0.6), operator="mask"),
        cells("occlusion", flat(0.7), operator="delete"),
    )
    assert [row.method for row in board.rows] == ["occlusion [delete]", "occlusion [mask]", "chance"]


@pytest.mark.parametrize(("metric", "best"), [(KEPT, 0.8), (LOST, 0.2)])
def test_random_over_best_is_near_one_where_nothing_is_measurable(metric, best):
    board = board_of(
        cells("chance", lambda *_: 0.4, metric=metric),
        cells("lrp", lambda seed, text, operator: 0.4 if operator == "mask" else best, metric=metric),
    )
    (column,) = board.columns
    assert column.random_over_best == pytest.approx({"mask": 1.0, "delete": 0.5, "attention": 0.5})


def test_no_ratio_is_made_of_a_best_below_zero():
    board = board_of(cells("chance", lambda *_: -0.4), cells("lrp", lambda *_: -0.1))
    assert all(math.isnan(share) for share in board.columns[0].random_over_best.values())


# What is not averaged


def test_cells_that_did_not_run_are_shown_with_their_reason():
    board = board_of(
        ended("lrp", "unsupported", "needs attentions"),
        cells("chance", flat(0.5)),
        ended("dig", "failed", "ZeroDivisionError: float division"),
        cells("gradient", flat(0.6)),
    )
    assert [(row.method, row.status) for row in board.rows] == [
        ("gradient", "ok"),
        ("chance", "ok"),
        ("lrp", "unsupported"),
        ("dig", "failed"),
    ]
    assert row_of(board, "lrp").scores == {}
    assert row_of(board, "lrp").spend is None
    for written in (as_text(board), as_markdown(board), as_html(board)):
        assert "needs attentions" in written
        assert "ZeroDivisionError" in written


def test_one_failed_seed_is_enough_not_to_average():
    good = cells("lrp", flat(0.9), operator="mask", seeds=[0, 1, 2, 3])
    board = board_of(cells("chance", flat(0.5)), good, ended("lrp", "failed", "killed", seeds=[4]))
    row = row_of(board, "lrp")
    assert (row.status, row.reason) == ("failed", "1 of 5 cells: killed")
    assert row.operator == "mask"
    assert row.scores == {}


def test_a_missing_seed_is_named():
    board = board_of(cells("chance", flat(0.5)), cells("lrp", flat(0.9), seeds=[0, 1, 4]))
    assert (row_of(board, "lrp").status, row_of(board, "lrp").reason) == ("missing", "no result yet for seed 2, 3")


def test_a_seed_that_no_method_ran_on_is_left_out_for_all():
    lost = [replace(each, cell=each.cell + "x") for each in ended("lrp", "failed", "training failed", seeds=[5])]
    board = board_of(
        cells("chance", flat(0.5)), ended("chance", "failed", "training failed", [5]), cells("lrp", flat(0.9)), lost
    )
    assert board.seeds == (0, 1, 2, 3, 4)
    assert row_of(board, "lrp").status == "ok"
    assert "seed 5 left out: training failed" in as_text(board)


def test_only_texts_that_all_methods_explained_are_compared():
    refusing = [
        replace(each, left_out={"t11": "the text is too long"})
        for each in cells("lrp", lambda seed, text, operator: float(text), texts=TEXTS[:-1])
    ]
    board = board_of(cells("chance", lambda seed, text, operator: float(text)), refusing)
    assert board.texts == 11
    assert board.left_out == {"t11": "lrp: the text is too long"}
    assert score_of(board, "chance").adjusted.mean == pytest.approx(5.0)
    assert "Left out for all: 1 text (1 × lrp: the text is too long)" in as_text(board)


def test_a_text_that_nobody_could_explain_has_its_reason_once():
    left_out = {"empty": "the text is empty"}
    groups = [cells("chance", flat(0.5)), cells("lrp", flat(0.6))]
    board = board_of(*([replace(each, left_out=left_out) for each in group] for group in groups))
    assert board.left_out == left_out
    assert board.texts == 12


def test_a_metric_that_does_not_apply_to_a_text_leaves_it_out_for_that_metric():
    board = board_of(
        cells("chance", lambda seed, text, operator: float(text)),
        cells("lrp", lambda seed, text, operator: None if text == 11 else float(text)),
    )
    assert board.texts == 12
    assert board.columns[0].texts == 11
    assert score_of(board, "chance").adjusted.mean == pytest.approx(5.0)
    assert "kept: 11 texts with a value" in as_text(board)


@pytest.mark.parametrize("invalid", [math.nan, math.inf])
def test_invalid_values_are_never_averaged_and_hurt_nobody_else(invalid):
    def broken(seed, text, operator):
        return invalid if (seed, text, operator) == (2, 3, "mask") else 0.9

    board = board_of(cells("chance", flat(0.5)), cells("lrp", broken), cells("gradient", flat(0.6)))
    assert score_of(board, "lrp").adjusted is None
    assert score_of(board, "lrp").reason == "invalid: NaN or infinite on 1 of 12 texts"
    assert score_of(board, "gradient").adjusted.texts == 12
    assert "invalid" in as_text(board)


def test_a_metric_that_could_not_judge_a_method_says_why():
    refused = [
        replace(each, metric_status={AGREEMENT.digest: ("unsupported", "no words")})
        for each in cells("tuco", flat(0.6))
    ]
    board = board_of(
        [
            replace(one, measures=one.measures + other.measures)
            for one, other in zip(
                cells("chance", flat(0.5)), cells("chance", flat(0.5), metric=AGREEMENT, operators=[""]), strict=True
            )
        ],
        refused,
    )
    assert score_of(board, "tuco", AGREEMENT).reason == "unsupported: no words"
    assert score_of(board, "tuco").verdict == "better"
    assert score_of(board, "chance", AGREEMENT).adjusted.texts == 12
    assert "tuco, agreement: unsupported: no words" in as_text(board)


# Boards


def test_there_is_one_board_for_each_dataset_model_and_chain():
    frozen = cells("chance", flat(0.5))
    full = [replace(each, cell=each.cell + "f", specs={**each.specs, "chain": "full → nf4"}) for each in frozen]
    gold = [replace(each, cell=each.cell + "g", specs={**each.specs, "target": "gold"}) for each in frozen]
    boards = leaderboards([*frozen, *full, *gold], METRICS)
    assert [(board.chain, board.setting["target"]) for board in boards] == [
        ("frozen", "predicted"),
        ("full → nf4", "predicted"),
        ("frozen", "gold"),
    ]


@pytest.mark.parametrize("records", [[], accuracy(0.9)])
def test_nothing_to_show_says_what_to_do(records):
    with pytest.raises(Nothing, match="nothing to show: run the suite first"):
        leaderboards(records, METRICS)


def test_records_that_look_alike_are_not_averaged_silently():
    twins = cells("lrp", flat(0.5)) + [replace(each, cell=each.cell + "2") for each in cells("lrp", flat(0.6))]
    with pytest.raises(AttrimarkError, match="two results of lrp for seed 0"):
        leaderboards(twins, METRICS)


@pytest.mark.parametrize(("value", "weak"), [(0.72, True), (0.9, False)])
def test_a_weak_model_has_a_banner(value, weak):
    board = board_of(accuracy(value), cells("chance", flat(0.5)))
    assert board.accuracy == pytest.approx(value)
    assert board.weak is weak
    assert ("WEAK MODEL" in as_text(board)) is weak
    assert f"accuracy {value:.3f}" in as_text(board)


def test_the_model_alone_stands_above_each_way_of_explaining_it():
    ways = {"pooling": "sum"}, {"pooling": "max"}, {"pooling": "max", "each token": True}
    explained = [record for way in ways for record in cells("chance", flat(0.5), **way)]
    of_another = accuracy(0.9, pooling="sum", target="gold")
    boards = leaderboards([*accuracy(0.7, pooling="sum"), *of_another, *explained], METRICS)
    assert [dict(board.setting)["pooling"] for board in boards] == ["sum", "max", "max"]
    assert [board.weak for board in boards] == [True] * 3


def test_cost_is_that_of_one_explanation():
    board = board_of(cells("chance", flat(0.5)), cells("lrp", flat(0.6)))
    spend = row_of(board, "lrp").spend
    assert (spend.seconds, spend.forwards, spend.backwards, spend.gflops) == (0.5, 3.0, 0.0, 2.0)
    assert spend.peak_megabytes is None


def test_cost_stands_beside_the_score_that_sorts_the_board():
    measured = [
        replace(record, own=replace(record.own, backwards=len(TEXTS), peak=10**6 * (3 + record.specs["seed"])))
        for record in cells("lrp", flat(0.6))
    ]
    board = board_of(cells("chance", flat(0.5)), measured)
    assert row_of(board, "lrp").spend.peak_megabytes == 7  # the largest over seeds
    score = score_of(board, "lrp").adjusted
    costs = as_text(board).split("Cost of one explanation")[1]
    (random,) = re.findall(r"^chance .*", costs, re.MULTILINE)
    (lrp,) = re.findall(r"^lrp .*", costs, re.MULTILINE)
    assert lrp.split() == ["lrp", "0.5", f"{score.mean:.3f}", f"±{score.half:.3f}", "3", "(+1)", "0", "2", "◂", "7"]
    assert random.split()[-2:] == ["2", "–"]  # a record from before peaks were measured


def test_a_board_without_any_metric_still_lists_its_methods():
    board = board_of(cells("chance", flat(0.5)), cells("lrp", flat(0.6)), metrics={ACCURACY.digest: ACCURACY})
    assert [row.method for row in board.rows] == ["chance", "lrp"]
    assert "lrp" in as_text(board, details=True)


# Rendering


def full_board():
    methods = {
        "chance": 0.5,
        "leave-one-out": 0.8,
        "shapley-sampling(permutations=5)": 0.85,
        "gradient": 0.5,
        "input-x-gradient": 0.4,
        "integrated-gradients(steps=20)": 0.7,
        "lrp": 0.75,
    }
    named = [
        type(name.title().replace("-", ""), (Kept,), {"name": name, "__module__": __name__})()
        for name in ("sufficiency", "comprehensiveness", "aopc", "soft-sufficiency")
    ]
    groups = []
    for method, mean in methods.items():
        per_metric = [cells(method, flat(mean), metric=metric) for metric in named]
        groups += [[joined(*same)] for same in zip(*per_metric, strict=True)]
    return board_of(*groups, metrics={metric.digest: metric for metric in named})


def test_seven_methods_and_four_metrics_fit_a_terminal_line_by_line():
    text = as_text(full_board())
    assert max(map(len, text.split("\n"))) <= 100
    table = text.split("\n\n")[1].split("\n")
    # more than a terminal holds: two parts with a header each, one line a method, and verdicts beside their scores
    assert sum(line.startswith("shapley-sampling(permutations=5)") for line in table) == 2
    assert sum(line.count("*") for line in table if line.startswith("shapley-sampling")) == 4
    assert sum(line.count(" %") for line in table if line.startswith("shapley-sampling")) == 4
    assert all(line.count("%") == line.count("*") for line in table if line.startswith("shapley-sampling"))
    assert sum(line.count("~") for line in table if line.startswith("gradient")) == 4
    assert sum(line.count("▾") for line in table) == 4
    assert max(map(len, as_text(full_board(), details=True).split("\n"))) <= 100


def test_details_show_home_and_every_operator():
    board = board_of(
        cells("chance", lambda *_: 0.25),
        cells("occlusion", lambda seed, text, operator: HOME[operator], operator="mask"),
    )
    assert "0.900" not in as_text(board)
    details = as_text(board, details=True)
    *_, before, last = (line.split() for line in details.split("\n") if line.startswith("occlusion"))
    assert [*before[1:], *last[1:]][-4:] == ["0.900", "0.900", "0.500", "0.300"]
    assert "chance ÷ best" in details


def test_markdown_is_a_table_with_bold_for_better():
    markdown = as_markdown(board_of(cells("chance", flat(0.5)), cells("lrp", flat(0.7))))
    line, _ = (line for line in markdown.split("\n") if line.startswith("| lrp") and "±" in line)
    assert "**0.7" in line
    assert "\\*" not in line
    assert "bold: significantly better" in markdown
    assert markdown.startswith("### films × tiny × frozen\n")


EVIL = "<script>alert(1)</script>|`x`\x1b[31m\u202e\n[a](http://b)"


def test_names_cannot_bring_their_own_markup():
    board = board_of(cells("chance", flat(0.5)), cells(EVIL, flat(0.6)), ended("lrp", "failed", EVIL))
    assert "<script>" not in as_html(board)
    assert "&lt;script&gt;" in as_html(board)
    markdown = as_markdown(board)
    assert "\\<script\\>" in markdown
    assert "<script>" not in markdown.replace("\\<", "")
    assert all(line.replace("\\|", "").count("|") in (0, 3, 4, 8) for line in markdown.split("\n"))
    for written in (as_text(board), markdown, as_html(board)):
        assert "\x1b" not in written
        assert "\u202e" not in written


def test_json_holds_everything_and_no_nan():
    board = board_of(accuracy(0.7), cells("chance", flat(0.5), texts=["t0"]), cells("lrp", flat(0.7), texts=["t0"]))
    plain = json.loads(json.dumps(as_json(board), allow_nan=False))
    assert plain["weak"] is True
    (row,) = (row for row in plain["rows"] if row["method"] == "lrp")
    away = row["scores"][KEPT.digest]["adjusted"]
    assert away["mean"] == score_of(board, "lrp").adjusted.mean
    assert away["low"] is None
    assert plain["columns"][0]["name"] == "kept"


# Versions


def test_versions_that_differ_between_cells_are_in_the_caption():
    made = [*cells("chance", flat(0.2)), *cells("lrp", flat(0.5))]
    others = [
        replace(record, machine={"versions": {"torch": version, "numpy": "2.0"}, "system": "Linux"}, plugins=plugins)
        for record, version, plugins in zip(
            made,
            [*["2.12.0"] * (len(made) - 1), "2.13.0"],
            [*[{"mine": {"version": "1.0", "sha256": "a" * 64}}] * (len(made) - 1), {"mine": {"sha256": "b" * 64}}],
            strict=True,
        )
    ]
    (board,) = leaderboards(others, METRICS)
    assert "Not all computed with one torch: 2.12.0, 2.13.0." in board.notes
    assert "Not all computed with one source of mine: 1.0 (aaaaaaaa), no version (bbbbbbbb)." in board.notes
    assert len([note for note in board.notes if note.startswith("Not all computed")]) == 2
    (board,) = leaderboards([replace(record, machine=others[0].machine) for record in made], METRICS)
    assert not [note for note in board.notes if note.startswith("Not all computed")]
