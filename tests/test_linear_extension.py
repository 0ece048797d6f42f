"""An order by keys in which nothing comes before what is above it."""

from attrimark.statistics.linear_extension import linear_extension
from hypothesis import given
from hypothesis import strategies as st


def test_without_a_partial_order_keys_decide_and_equal_ones_keep_their_places():
    assert linear_extension({"a": 2, "b": 1, "c": 1}, {}) == ["b", "c", "a"]


def test_what_is_above_comes_first_whatever_its_key():
    assert linear_extension({"a": 0, "b": 1, "c": 2}, {"a": ["c"]}) == ["b", "c", "a"]


def test_within_a_circle_keys_decide():
    circle = {"a": ["b"], "b": ["c"], "c": ["a"]}
    assert linear_extension({"a": 2, "b": 0, "c": 1, "d": 3}, {**circle, "b": ["c", "d"]}) == ["d", "b", "c", "a"]


@given(st.integers(1, 8), st.randoms(use_true_random=False))
def test_any_partial_order_is_kept(items, random):
    hidden = random.sample(range(items), items)  # an order that the partial one is a part of
    above = {item: [each for each in hidden[:place] if random.random() < 0.3] for place, item in enumerate(hidden)}
    order = linear_extension({item: random.random() for item in range(items)}, above)
    assert sorted(order) == list(range(items))
    assert all(order.index(better) < order.index(item) for item, others in above.items() for better in others)
