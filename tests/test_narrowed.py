"""One metric of a leaderboard says what the whole table says of it."""

import csv
import io
import json
import re

import pytest
from attrimark.studies.leaderboard.narrowed import narrowed
from attrimark.studies.leaderboard.standings import standings

from tests.references.drawn_records import AGREEMENT, LOST, accuracy, board_of, cells, ended, flat, joined, score_of
from tests.references.written import boards_rendered as rendered

MEANS = {"chance": 0.5, "lrp": 0.51, "dig": 0.505, "lime": 0.8}


def whole():
    """Three metrics of four methods and of one that failed, on a model that is often wrong."""
    groups = [
        [
            joined(*same)
            for same in zip(
                cells(name, flat(mean)),
                cells(name, flat(1 - mean), metric=LOST),
                cells(name, flat(mean / 2), metric=AGREEMENT, operators=[""]),
                strict=True,
            )
        ]
        for name, mean in MEANS.items()
    ]
    return board_of(*groups, ended("tuco", "failed", "out of memory"), accuracy(0.7))


def alone(metric):
    (board,) = narrowed([whole()], metric)
    return board


@pytest.mark.parametrize("metric", ["kept", "lost", "agreement"])
def test_a_metric_alone_is_judged_as_in_the_whole_table(metric):
    board = alone(metric)
    (column,) = board.columns
    assert (column,) == whole().shows(metric)
    before = {row.method: row.scores for row in whole().rows}
    for row in board.rows:
        assert row.scores == {digest: score for digest, score in before[row.method].items() if digest == column.digest}
    assert (board.accuracy, board.weak) == (0.7, True)


def test_verdicts_share_the_level_of_the_whole_table():
    level = score_of(alone("lost"), "lrp", LOST).difference.level
    assert level == pytest.approx(0.975)
    undivided = board_of(*(cells(name, flat(mean)) for name, mean in MEANS.items()))
    assert score_of(undivided, "lrp").difference.level == pytest.approx(0.95)


def test_it_is_sorted_by_the_metric_that_is_shown():
    assert [row.method for row in alone("kept").rows][:1] == ["lime"]
    assert [row.method for row in alone("lost").rows] == ["lime", "lrp", "dig", "chance", "tuco"]


@pytest.mark.parametrize("form", ["table", "markdown", "latex"])
def test_the_banner_and_what_failed_stay_where_people_read(form):
    told = " ".join(rendered([alone("kept")], form).split())
    for words in ("WEAK MODEL: its accuracy is 0.7", "out of memory", "not shown: 2 metrics"):
        assert words in told
    assert "lost" not in told


def test_data_have_the_verdicts_of_the_whole_table():
    lines = [line for line in csv.DictReader(io.StringIO(rendered([whole()], "csv"))) if line["metric"] == "lost"]
    assert sorted(map(str, csv.DictReader(io.StringIO(rendered([alone("lost")], "csv"))))) == sorted(map(str, lines))
    assert {line["weak"] for line in lines} == {"true"}
    (plain,) = json.loads(rendered([alone("lost")], "json"))
    assert plain["weak"] is True
    assert [column["name"] for column in plain["columns"]] == ["lost"]


def test_a_metric_apart_is_no_table_of_statuses():
    told = rendered([alone("agreement")])
    assert "status" not in told
    assert re.search(r"tuco +failed", told)


def test_boards_without_the_metric_are_left_out_and_those_without_any_stay():
    other = board_of(cells("chance", flat(0.5), metric=LOST), cells("lrp", flat(0.7), metric=LOST))
    nothing = board_of(ended("lrp", "failed", "killed"))
    assert narrowed([whole(), other, nothing], "kept") == [alone("kept"), nothing]


def test_ranks_by_one_metric_are_those_among_all():
    (every,) = standings([whole()])
    (one,) = standings([whole()], metric="lost")
    assert str(one.ranks) == str({"lost": every.ranks["lost"]})  # the ends of an interval may be NaN
