"""A method is on the front where no cheaper one is as good."""

from dataclasses import replace

import pytest
from attrimark.document.figures import save
from attrimark.studies.leaderboard.pareto import costs, front, pareto, unit_of_cost
from attrimark_registry import AttrimarkError, Cost
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.references.drawn_records import KEPT, LOST, board_of, cells, score_of


def spent(method, value, gflops, passes=3, **others):
    return [
        replace(record, own=Cost(forwards=passes * 12, flops=int(gflops * 12 * 10**9)))
        for record in cells(method, lambda *_: value, **others)
    ]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6), st.booleans())
def test_the_front_is_what_nothing_else_is_at_least_as_good_and_as_cheap_as(points, higher):
    metric = KEPT if higher else LOST
    board = board_of(
        *(spent(f"m{place}", worth / 4, cost + 1, metric=metric) for place, (cost, worth) in enumerate(points))
    )
    found = front(board, board.columns[0])
    sign = 1 if higher else -1
    expected = {
        f"m{place}"
        for place, (cost, worth) in enumerate(points)
        if not any(other != (cost, worth) and other[0] <= cost and sign * other[1] >= sign * worth for other in points)
    }
    assert set(found) == expected
    assert [costs(board)[method] for method in found] == sorted(costs(board)[method] for method in found)


def test_a_gain_that_no_table_shows_is_worth_no_cost():
    board = board_of(spent("dear", 0.50004, 2.0), spent("cheap", 0.5, 1.0), spent("better", 0.501, 3.0))
    assert front(board, board.columns[0]) == ("cheap", "better")


def test_cost_is_in_passes_where_operations_were_not_all_counted():
    counted, uncounted = spent("lrp", 0.5, 2.0), spent("dig", 0.6, 0.0, passes=7)
    assert unit_of_cost(board_of(counted)) == "GFLOP"
    assert costs(board_of(counted)) == {"lrp": pytest.approx(2.0)}
    assert unit_of_cost(board_of(counted, uncounted)) == "passes"
    assert costs(board_of(counted, uncounted)) == {"lrp": 3.0, "dig": 7.0}
    assert unit_of_cost(board_of(spent("chance", 0.5, 0.0, passes=0))) == "GFLOP"  # nothing to count


def test_the_front_is_drawn_with_its_methods_and_whatever_their_names_hold(tmp_path):
    board = board_of(spent("chance", 0.2, 0.0, passes=0), spent("lrp", 0.5, 2.0), spent("$x_{1}$\x1b\n", 0.6, 20.0))
    figure = pareto(board, board.columns[0])
    (step,) = (line for line in figure.axes[0].lines if line.get_drawstyle() == "steps-post")
    assert list(step.get_xdata())[:-1] == pytest.approx([0.0, 2.0, 20.0])  # and on to the edge
    assert list(step.get_ydata())[:-1] == [
        score_of(board, method).adjusted.mean for method in front(board, board.columns[0])
    ]
    written = save(figure, tmp_path, "pareto 1")
    assert [path.suffix for path in written] == [".svg", ".png"]
    assert "GFLOP of one explanation" in written[0].read_text()
    again = save(pareto(board, board.columns[0]), tmp_path / "again", "pareto 1")
    assert written[0].read_bytes() == again[0].read_bytes()


def test_a_method_without_cost_alone_can_be_drawn(tmp_path):
    board = board_of(spent("chance", 0.2, 0.0, passes=0))
    save(pareto(board, board.columns[0]), tmp_path, "pareto")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    board = board_of(spent("chance", 0.2, 1.0))
    with pytest.raises(AttrimarkError, match="file"):
        save(pareto(board, board.columns[0]), tmp_path / "file" / "inside", "pareto")
